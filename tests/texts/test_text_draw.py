"""The seeded draw: exact, repeatable, and honest about what there was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obce_core.errors import TextsError
from obce_core.texts import HELDOUT_LIMIT, heldout_of, load_texts
from obce_core.texts.draw import draw
from obce_core.texts.sources.base import RawTexts


def raw(*texts: str, **columns: list[str]) -> RawTexts:
    return RawTexts(texts=texts, columns=columns, source="test", name="test")


NUMBERS = raw(*(f"text {i}" for i in range(100)))

REFUSED = [
    (NUMBERS, {"n": 101}, "needs 101 different texts; test has 100 different ones. Give --n-texts 100."),
    (NUMBERS, {"n": 1}, "the number of texts must be a whole number of at least 2, got 1."),
    (NUMBERS, {"n": 0}, "at least 2, got 0."),
    (NUMBERS, {"n": True}, "at least 2, got True."),
    (NUMBERS, {"n": 2.0}, "at least 2, got 2.0."),
    (NUMBERS, {"n": 5, "minimum": 6}, "at least 6, got 5."),
    (NUMBERS, {"n": 2, "seed": -1}, "the seed must be a whole number from 0 to 4294967295, got -1."),
    (NUMBERS, {"n": 2, "seed": 2**32}, "got 4294967296."),
    (NUMBERS, {"n": 2, "seed": 1.0}, "got 1.0."),
    (NUMBERS, {"n": 2, "seed": True}, "got True."),
    (raw(*["same"] * 150), {"n": 150}, "needs at least 2 different texts; got 1 distinct of 150."),
    (raw(), {"n": 150}, "needs at least 2 different texts; got 0 distinct of 0."),
    (raw("a", "b"), {"n": None, "minimum": 3}, "needs at least 3 different texts; got 2 distinct of 2."),
]


@pytest.mark.parametrize(("texts", "options", "said"), REFUSED)
def test_a_draw_that_cannot_be_made_is_refused(texts: RawTexts, options: dict[str, object], said: str) -> None:
    with pytest.raises(TextsError) as caught:
        draw(texts, **{"n": 2, "seed": 0, **options})
    assert said in str(caught.value)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_draw_is_the_documented_one_in_source_order(seed: int) -> None:
    chosen = sorted(np.random.default_rng(seed).choice(100, 10, replace=False))
    assert draw(NUMBERS, n=10, seed=seed).texts == tuple(f"text {i}" for i in chosen)


@pytest.mark.parametrize("seed", range(20))
def test_a_sample_is_a_subset_without_repeats_and_heldout_is_the_rest(seed: int) -> None:
    sample = draw(NUMBERS, n=37, seed=seed)
    assert len(sample) == len(set(sample.texts)) == 37
    assert sorted((*sample.texts, *sample.heldout)) == sorted(NUMBERS.texts)
    assert list(sample.texts) == sorted(sample.texts, key=NUMBERS.texts.index)
    assert list(sample.heldout) == sorted(sample.heldout, key=NUMBERS.texts.index)


def test_the_same_seed_gives_the_same_sample_and_another_seed_another() -> None:
    assert draw(NUMBERS, n=10, seed=3) == draw(NUMBERS, n=10, seed=3)
    assert draw(NUMBERS, n=10, seed=3).digest != draw(NUMBERS, n=10, seed=4).digest


@pytest.mark.parametrize("n", [100, None])
def test_all_texts_are_taken_as_they_stand(n: int | None) -> None:
    sample = draw(NUMBERS, n=n, seed=9)
    assert (sample.texts, sample.heldout, sample.available) == (NUMBERS.texts, (), 100)


def test_equal_texts_are_kept_once_with_the_labels_of_the_first() -> None:
    sample = draw(raw("b", " a ", "", "b", "a", "\x00", label=["1", "2", "3", "4", "5", "6"]), n=2, seed=0)
    assert sample.texts == ("b", "a")
    assert sample.columns["label"] == ("1", "2")
    assert sample.notes == (
        "2 empty texts were dropped.",
        "2 repeated texts were dropped; the first of each was kept.",
    )


def test_repeats_do_not_change_what_is_drawn() -> None:
    twice = raw(*(text for text in NUMBERS.texts for _ in range(2)))
    assert draw(twice, n=10, seed=5).texts == draw(NUMBERS, n=10, seed=5).texts


def test_heldout_is_capped() -> None:
    sample = draw(raw(*(str(i) for i in range(3000))), n=2, seed=0)
    assert len(sample.heldout) == HELDOUT_LIMIT == 1000
    assert sample.available == 3000


def test_a_minimum_of_one_allows_one_text() -> None:
    assert draw(raw("alone"), n=1, seed=0, minimum=1).texts == ("alone",)


@pytest.mark.parametrize("minimum", [0, -1, True, 1.5])
def test_a_minimum_below_one_is_refused(minimum: object) -> None:
    with pytest.raises(TextsError, match="the minimum number of texts"):
        load_texts("demo", minimum=minimum)  # wrong on purpose


def test_heldout_texts_may_come_from_another_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n", "utf-8")
    (tmp_path / "b.txt").write_text("two\nfour\nfour\nfive\n", "utf-8")
    sample = load_texts(tmp_path / "a.txt", n=None, heldout=tmp_path / "b.txt")
    assert sample.texts == ("one", "two", "three")
    assert sample.heldout == ("four", "five")
    assert sample.notes[-1] == "1 held-out text was in the sample and left out."
    assert sample.notes[-2].startswith("Held-out texts are from file:b.txt#sha256=")


def test_a_heldout_file_with_nothing_new_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n", "utf-8")
    with pytest.raises(TextsError, match=r"a\.txt has no text that is not in the sample"):
        load_texts(tmp_path / "a.txt", n=2, heldout=tmp_path / "a.txt")


def test_a_missing_heldout_file_is_named_before_the_long_work(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match="No such file"):
        load_texts("wikipedia", heldout=tmp_path / "absent.txt")


def test_column_and_split_may_be_meant_for_the_heldout_file(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("body,other text\nThis here has five words. no,a b\n", "utf-8")
    sample = load_texts("demo", n=600, heldout=tmp_path / "b.csv", column="body", split="periods")
    assert sample.heldout == ("This here has five words. no",)


def lines(folder: Path, count: int) -> Path:
    path = folder / "own.txt"
    path.write_text("".join(f"text {i}\n" for i in range(count)), "utf-8")
    return path


@pytest.mark.parametrize(
    ("count", "n", "heldout", "measured", "held"),
    [
        (8, 8, "auto", 6, 2),
        (8, None, "auto", 6, 2),
        (9, 9, "auto", 7, 2),
        (4, 4, "auto", 3, 1),
        (3, 3, "auto", 3, 0),
        (8, 7, "auto", 7, 1),  # not all: the rest is held out
        (8, 8, None, 8, 0),
        (8, 7, "25%", 6, 2),
        (8, 2, "25%", 2, 6),
        (100, 100, "29%", 71, 29),
        (8, 8, "0%", 8, 0),
        (4, 4, "99%", 2, 2),  # an analysis needs two
    ],
)
def test_a_quarter_of_ones_own_texts_is_held_out(
    tmp_path: Path, count: int, n: int | None, heldout: Any, measured: int, held: int
) -> None:
    path = lines(tmp_path, count)
    sample = load_texts(path, n=n, heldout=heldout)
    assert (len(sample), len(sample.heldout), sample.available) == (measured, held, count)
    assert not set(sample.texts) & set(sample.heldout)
    assert sample == load_texts(path, n=n, heldout=heldout)
    asked = count if n is None else n
    assert any("are held out" in note for note in sample.notes) == (measured < asked)


def test_what_is_held_out_follows_the_seed(tmp_path: Path) -> None:
    path = lines(tmp_path, 40)
    assert (
        load_texts(path, n=40, seed=1, heldout="auto").heldout != load_texts(path, n=40, seed=2, heldout="auto").heldout
    )


def test_the_default_share_is_of_files_only() -> None:
    assert load_texts("demo", n=600, heldout="auto").heldout == ()
    assert len(load_texts("demo", n=600, heldout="25%").heldout) == 150


def test_the_option_of_an_analysis_is_read_in_one_place(tmp_path: Path) -> None:
    assert [heldout_of(option) for option in (None, "none", "25%", tmp_path)] == ["auto", None, "25%", tmp_path]
