"""The examples of a GLUE task, row by row: from a folder with the official files, or from the hub.

Quotes in these files are not CSV quotes: a line is a row, a tab parts two cells, whatever else stands there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obce_core.errors import TextsError, shorten
from obce_core.glue.tasks import DATASET, TASKS, Task
from obce_core.texts.files.intake import check_length
from obce_core.texts.files.lines import numbered_lines
from obce_core.texts.files.separated import LINE_LIMIT
from obce_core.texts.sources.hub import network_errors, open_datasets

HINT = "Give --glue-dir with the official TSV files, or use --texts demo."

Row = tuple[tuple[str, ...], str]
"""The sentences of an example, and its label ("" in a test file)."""


def hub_rows(task: str, split: str = "train") -> Iterator[Row]:
    """Yield the examples of a split on the hub, labels written as in the TSV files ("" where the hub has none).

    Raises:
        Offline: the hub cannot be reached.
    """
    task_row = TASKS[task]
    datasets = open_datasets(DATASET, HINT)
    with network_errors(DATASET, HINT):
        data: Any = datasets.load_dataset(DATASET, task, split=split)
    for row in data:
        yield tuple(row[name] for name in task_row.hub), label_text(row["label"], task_row)


def label_text(label: float, task: Task) -> str:
    """Write a label of the hub as the TSV files do: a word, a digit, or a score with three decimals; -1 is none."""
    if not isinstance(label, int):
        return f"{label:.3f}" if label >= 0 else ""
    if label < 0:
        return ""
    return task.words[label] if label < len(task.words) else str(label)


def split_file(task: str, folder: Path, split: str) -> Path:
    """Return where a split lies in a folder of GLUE tasks, there or not."""
    task_row = TASKS[task]
    return folder / task_row.folder / task_row.files[split]


def task_files(task: str, folder: Path) -> tuple[Path, ...]:
    """Return where the task's train and first validation files lie, in the order in which texts are looked for."""
    return tuple(split_file(task, folder, split) for split in ("train", TASKS[task].validation[0]))


def find_split(task: str, folder: Path, split: str) -> Path:
    """Return the file of a split; raise `TextsError` when the folder or the file is not there."""
    task_row = TASKS[task]
    _check_folder(folder)
    path = split_file(task, folder, split)
    if not path.exists():
        raise TextsError(
            f"The GLUE folder {shorten(folder.name)} has no {task_row.folder}/{path.name} ({task}, {split}).",
            hint="Put the official file there, give another --glue-dir, or leave it out to use the hub.",
        )
    return path


def folder_file(task: str, folder: Path) -> Path:
    """Return the task's train file, else its dev file; raise `TextsError` when there is neither."""
    task_row = TASKS[task]
    _check_folder(folder)
    paths = task_files(task, folder)
    for path in paths:
        if path.exists():
            return path
    raise TextsError(
        f"The GLUE folder {shorten(folder.name)} has no {task_row.folder}/{' or '.join(path.name for path in paths)}.",
        hint=f"Put the official files of {task} there, or give another --glue-dir.",
    )


def folder_rows(path: Path, task: Task, *, test: bool = False) -> Iterator[Row | None]:
    """Yield the examples of a TSV file without quoting; None for a row that lacks a field (QQP has some).

    A test file has no labels and always a header.
    """
    sentences = task.test or task.sentences if test else task.sentences
    columns = sentences if test else (*sentences, task.label)
    places: list[int] = [place for place in columns if isinstance(place, int)]
    for number, line in numbered_lines(path, limit=LINE_LIMIT):
        cells = line.split("\t")
        if not places:
            names = [name for name in columns if isinstance(name, str)]
            missing = [name for name in names if name not in cells]
            if missing:
                known = ", ".join(shorten(cell, 40) for cell in cells[:20])
                raise TextsError(f"{task.folder}/{path.name} has no column {missing[0]!r}; columns: {known}.")
            places = [cells.index(name) for name in names]
        elif len(cells) > max(places):
            results = [cells[place] for place in places]
            given, label = (results, "") if test else (results[:-1], results[-1])
            for sentence in given:
                check_length(sentence, f"{task.folder}/{path.name} line {number}")
            yield tuple(given), label
        elif line.strip():
            yield None


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise TextsError(f"No such folder of GLUE tasks: {shorten(folder, 200)}.", hint="Give another --glue-dir.")
