"""The examples of one split of a GLUE task, with labels as numbers, from a folder or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from obce_core import settings
from obce_core.errors import TextsError, shorten
from obce_core.glue.tasks import DATASET, Task, task_of
from obce_core.storage.digests import digest
from obce_core.texts.sources.glue_rows import Row, find_split, folder_rows, hub_rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """One split of a task.

    `sentences` has one or two texts an example; `labels` are class numbers or scores, float64 of shape (examples,), NaN
    in a test split. `source` says where they were read; `notes` say what is unusual about them, such as another number
    of examples than the official one.
    """

    task: str
    split: str
    sentences: tuple[tuple[str, ...], ...]
    labels: Float[np.ndarray, " examples"]
    source: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sentences)

    @cached_property
    def digest(self) -> str:
        """The sha256 of task, split, sentences and labels, in order."""
        labels = [None if np.isnan(label) else float(label) for label in self.labels]
        return digest([self.task, self.split, self.sentences, labels])

    def draw(self, most: int | None, seed: int) -> Examples:
        """Draw at most `most` examples without replacement by default_rng(seed), in their order; None keeps all."""
        if most is None or most >= len(self):
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False))
        note = f"{most:,} of {len(self):,} examples drawn with seed {seed}."
        return replace(
            self,
            sentences=tuple(self.sentences[row] for row in rows),
            labels=self.labels[rows],
            notes=(*self.notes, note),
        )


def read_examples(
    task: str,
    split: str,
    *,
    glue_dir: str | Path | None = None,
    rows: Callable[[str, str], Iterable[Row | None]] = hub_rows,
) -> Examples:
    """Read a split from `glue_dir` (default: `OBCE_GLUE_DIR`), or from the hub when there is no folder.

    Raises:
        TextsError: the file is not there, a label is none of the task's, a split has no example, or a row of a test
            split, whose place in the file is its name, lacks a field.
        Offline: no folder is named and the hub cannot be asked.
    """
    known = task_of(task)
    if split not in known.files:
        raise TextsError(f"{known.title} has no split {shorten(split)!r}; its splits: {', '.join(known.files)}.")
    folder = Path(glue_dir) if glue_dir is not None else settings.glue_dir()
    test = split.startswith("test")
    if folder is None:
        examples, source = rows(known.name, split), f"{DATASET}, {known.name}, {split}, from the hub"
    else:
        path = find_split(known.name, folder.expanduser(), split)
        examples, source = folder_rows(path, known, test=test), f"{known.folder}/{path.name} of a local folder"
    sentences: list[tuple[str, ...]] = []
    labels: list[float] = []
    broken = 0
    for number, row in enumerate(examples, start=1):
        if row is None and test:
            raise TextsError(
                f"{source}, example {number} lacks a field.", hint="A submission needs every row: get the file again."
            )
        if row is None:
            broken += 1
            continue
        sentences.append(row[0])
        labels.append(np.nan if test else label_number(row[1], known, f"{source}, example {number}"))
    if not sentences:
        raise TextsError(f"{source} has no example.", hint="Put the official files there.")
    notes = _notes(known, split, len(sentences), broken)
    return Examples(
        task=known.name,
        split=split,
        sentences=tuple(sentences),
        labels=np.array(labels, dtype=np.float64),
        source=source,
        notes=notes,
    )


def label_number(label: str, task: Task, where: str) -> float:
    """Turn a label of a file into a class number or a score, or raise `TextsError`."""
    text = label.strip()
    if task.words and text in task.words:
        return float(task.words.index(text))
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    low, high = task.bounds or (0.0, task.classes - 1.0)
    whole = task.regression or value == int(value) if np.isfinite(value) else False
    if not (whole and low <= value <= high):
        allowed = ", ".join(task.words) if task.words else f"{low:g} to {high:g}" if task.regression else "0 or 1"
        raise TextsError(f"{where}: the label {shorten(label)!r} is none of {task.title}'s ({allowed}).")
    return value


def _notes(task: Task, split: str, number: int, broken: int) -> tuple[str, ...]:
    notes = [f"Rows that lack a field, left out: {broken:,}."] if broken else []
    official = task.counts.get(split)
    if official is not None and official != number:
        notes.append(f"{number:,} examples; the official {split} split has {official:,}.")
    return tuple(notes)
