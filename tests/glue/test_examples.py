"""Splits of tasks read from the official layout, with labels as numbers."""

from __future__ import annotations

from pathlib import Path

import gluefolder
import numpy as np
import pytest

from obce_core.errors import Offline, TextsError
from obce_core.glue.examples import label_number, read_examples
from obce_core.glue.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_read_in_every_split(task: str, tmp_path: Path) -> None:
    folder = gluefolder.write_tasks(tmp_path, task, tests=True)
    for split in TASKS[task].files:
        found = read_examples(task, split, glue_dir=folder)
        assert len(found) == (48 if split == "train" else 24)
        assert all(len(pair) == len(TASKS[task].hub) for pair in found.sentences)
        assert found.sentences[0][0].startswith('"')  # quotes are text
        if split.startswith("test"):
            assert np.isnan(found.labels).all()
        elif TASKS[task].regression:
            assert found.labels.min() >= 0 and found.labels.max() <= 5
        else:
            assert set(found.labels) <= set(range(TASKS[task].classes))


def test_another_number_than_the_official_one_is_said(tmp_path: Path) -> None:
    folder = gluefolder.write_tasks(tmp_path, "cola")
    assert read_examples("cola", "train", glue_dir=folder).notes == (
        "48 examples; the official train split has 8,551.",
    )


def test_cola_has_no_header_so_its_first_line_counts(tmp_path: Path) -> None:
    home = tmp_path / "CoLA"
    home.mkdir()
    (home / "dev.tsv").write_text('gj04\t1\t\tThe "first line.\ngj04\t0\t*\tThe second.\n')
    found = read_examples("cola", "validation", glue_dir=tmp_path)
    assert found.sentences == (('The "first line.',), ("The second.",))
    assert found.labels.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("task", "label", "message"),
    [
        ("cola", "2", "0 or 1"),
        ("cola", "", "0 or 1"),
        ("mnli", "-", "entailment, neutral, contradiction"),
        ("stsb", "5.5", "0 to 5"),
        ("stsb", "nan", "0 to 5"),
        ("rte", "inf", "entailment"),
    ],
)
def test_a_label_that_is_none_is_refused_with_the_place(task: str, label: str, message: str) -> None:
    with pytest.raises(TextsError, match=message):
        label_number(label, TASKS[task], "dev.tsv, example 3")


def test_rows_that_lack_a_field_are_counted(tmp_path: Path) -> None:
    home = tmp_path / "QQP"
    home.mkdir()
    (home / "dev.tsv").write_text("id\tquestion1\tquestion2\tis_duplicate\n1\ta\tb\t1\n2\ta\n3\tc\td\t0\n")
    found = read_examples("qqp", "validation", glue_dir=tmp_path)
    assert len(found) == 2
    assert "left out: 1" in found.notes[0]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"CoLA/train\.tsv"):
        read_examples("cola", "train", glue_dir=tmp_path)
    with pytest.raises(TextsError, match="no split 'dev'"):
        read_examples("cola", "dev", glue_dir=tmp_path)
    (tmp_path / "CoLA").mkdir()
    (tmp_path / "CoLA" / "train.tsv").write_text("one\n\n")
    with pytest.raises(TextsError, match="no example"):
        read_examples("cola", "train", glue_dir=tmp_path)


def test_without_a_folder_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBCE_GLUE_DIR", raising=False)
    found = read_examples("mrpc", "train", rows=lambda task, split: [(("a", "b"), "1"), (("c", "d"), "0")])
    assert "from the hub" in found.source and found.labels.tolist() == [1.0, 0.0]
    with pytest.raises(Offline):
        read_examples("mrpc", "train")


def test_a_draw_is_seeded_and_keeps_the_order(tmp_path: Path) -> None:
    every = read_examples("mrpc", "train", glue_dir=gluefolder.write_tasks(tmp_path, "mrpc"))
    some = every.draw(10, 1)
    assert some.sentences == every.draw(10, 1).sentences != every.draw(10, 2).sentences
    places = [every.sentences.index(pair) for pair in some.sentences]
    assert places == sorted(places) and len(set(places)) == 10
    assert some.labels.tolist() == [every.labels[at] for at in places]
    assert every.draw(None, 1) is every.draw(48, 1) is every
    assert some.digest != every.digest == read_examples("mrpc", "train", glue_dir=tmp_path).digest
