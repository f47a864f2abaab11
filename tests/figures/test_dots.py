"""What dots say: categories by count, numbers on a ramp, the rest gathered and said so."""

from __future__ import annotations

import json

import pytest

from obce_core.figures.dots import SHAPES, dot_colours


def test_categories_by_falling_count() -> None:
    found = dot_colours("topic", ["art", "music", "art", "law"])
    assert (found["kind"], found["names"], found["counts"], found["of"], found["others"]) == (
        "category",
        ["art", "music", "law"],
        [2, 1, 1],
        [0, 1, 0, 2],
        0,
    )


@pytest.mark.parametrize("different", [1, 5, 6, 7, 40])
def test_beyond_six_categories_the_rest_is_gathered(different: int) -> None:
    values = [f"kind {i}" for i in range(different) for _ in range(different - i)]
    found = dot_colours("kind", values)
    assert len(found["names"]) == min(different, SHAPES)
    assert max(found["of"]) == len(found["names"]) - 1
    assert sum(found["counts"]) == len(values)
    if different > SHAPES:
        assert (found["names"][-1], found["others"]) == (f"{different - 5} others", different - 5)
        assert found["counts"][-1] == sum(different - i for i in range(5, different))
        assert [found["of"][values.index(f"kind {i}")] for i in (0, 4, 5, different - 1)] == [0, 4, 5, 5]


def test_numbers_are_a_ramp_and_gaps_are_counted() -> None:
    found = dot_colours("length", [10, "20", 15.0, "", 11, 12, 13, 14])
    assert (found["kind"], found["low"], found["high"], found["missing"]) == ("number", "10", "20", 1)
    assert found["of"][:4] == [0.0, 1.0, 0.5, None]


@pytest.mark.parametrize("values", [["0", "1", "1"], [*"1234567", "seven"], ["nan"] * 8])
def test_labels_and_mixed_columns_are_categories(values: list[str]) -> None:
    assert dot_colours("label", values)["kind"] == "category"


def test_foreign_words_become_plain_short_text() -> None:
    found = dot_colours("\ud800 <b>", ["a\nb" * 50, "", "\ud800"])
    assert found["name"] == "? <b>"
    assert all(len(name) <= 60 and "\n" not in name for name in found["names"])
    assert "(empty)" in found["names"]
    assert json.loads(json.dumps(found)) == found


def test_the_signature_tells_columns_apart() -> None:
    assert dot_colours("a", ["x", "y"])["signature"] == dot_colours("a", ["x", "y"])["signature"]
    assert len({dot_colours(*given)["signature"] for given in (("a", "xy"), ("b", "xy"), ("a", "xx"))}) == 3
