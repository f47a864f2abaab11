"""The sentences of a GLUE task, from a local folder or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from obce_core import settings
from obce_core.errors import TextsError, UnknownName, shorten
from obce_core.texts.hub import network_errors, open_datasets
from obce_core.texts.intake import check_length
from obce_core.texts.lines import numbered_lines
from obce_core.texts.source import RawTexts, Request
from obce_core.texts.table import LINE_LIMIT

DATASET = "nyu-mll/glue"
_HINT = "Give --glue-dir with the official TSV files, or use --texts demo."


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a task lies in a folder and on the hub.

    `sentences` and `label` name columns of the TSV files (positions where a file has no header); `hub` names the
    sentences on the hub; `words` are the labels that the hub numbers 0, 1, 2.
    """

    folder: str
    sentences: tuple[str | int, ...]
    label: str | int = "label"
    hub: tuple[str, ...]
    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ("train.tsv", "dev.tsv")


_ONE, _TWO = ("sentence",), ("sentence1", "sentence2")
_ENTAILS = ("entailment", "not_entailment")
TASKS: dict[str, Layout] = {
    "cola": Layout(folder="CoLA", sentences=(3,), label=1, hub=_ONE),
    "sst2": Layout(folder="SST-2", sentences=_ONE, hub=_ONE),
    "mrpc": Layout(folder="MRPC", sentences=("#1 String", "#2 String"), label="Quality", hub=_TWO),
    "qqp": Layout(folder="QQP", sentences=("question1", "question2"), label="is_duplicate", hub=("question1", "question2")),
    "stsb": Layout(folder="STS-B", sentences=_TWO, label="score", hub=_TWO),
    "mnli": Layout(
        folder="MNLI",
        sentences=_TWO,
        label="gold_label",
        hub=("premise", "hypothesis"),
        words=("entailment", "neutral", "contradiction"),
        files=("train.tsv", "dev_matched.tsv"),
    ),
    "qnli": Layout(folder="QNLI", sentences=("question", "sentence"), hub=("question", "sentence"), words=_ENTAILS),
    "rte": Layout(folder="RTE", sentences=_TWO, hub=_TWO, words=_ENTAILS),
    "wnli": Layout(folder="WNLI", sentences=_TWO, hub=_TWO),
}

Row = tuple[tuple[str, ...], str]
"""The sentences of an example, and its label."""


def hub_rows(task: str) -> Iterator[Row]:
    """Yield the examples of a task's train split on the hub, labels written as in the TSV files."""
    layout = TASKS[task]
    datasets = open_datasets(DATASET, _HINT)
    with network_errors(DATASET, _HINT):
        data: Any = datasets.load_dataset(DATASET, task, split="train")
    for row in data:
        yield tuple(row[name] for name in layout.hub), label_text(row["label"], layout)


def label_text(label: float, layout: Layout) -> str:
    """Write a label of the hub as the TSV files do: a word, a digit, or a score with three decimals."""
    if not isinstance(label, int):
        return f"{label:.3f}"
    return layout.words[label] if 0 <= label < len(layout.words) else str(label)


def task_files(task: str, folder: Path) -> tuple[Path, ...]:
    """Return where the task's train and dev files lie in a folder, in the order in which they are looked for."""
    layout = TASKS[task]
    return tuple(folder / layout.folder / name for name in layout.files)


def folder_file(task: str, folder: Path) -> Path:
    """Return the task's train file, else its dev file; raise `TextsError` when there is neither."""
    layout = TASKS[task]
    if not folder.is_dir():
        raise TextsError(f"No such folder of GLUE tasks: {shorten(folder, 200)}.", hint="Give another --glue-dir.")
    for path in task_files(task, folder):
        if path.exists():
            return path
    raise TextsError(
        f"The GLUE folder {shorten(folder.name)} has no {layout.folder}/{' or '.join(layout.files)}.",
        hint=f"Put the official files of {task} there, or give another --glue-dir.",
    )


def folder_rows(path: Path, layout: Layout) -> Iterator[Row | None]:
    """Yield the examples of a TSV file without quoting; None for a row that lacks a field (QQP has some)."""
    places: list[int] = [place for place in (*layout.sentences, layout.label) if isinstance(place, int)]
    for number, line in numbered_lines(path, limit=LINE_LIMIT):
        cells = line.split("\t")
        if not places:
            names = [name for name in (*layout.sentences, layout.label) if isinstance(name, str)]
            missing = [name for name in names if name not in cells]
            if missing:
                known = ", ".join(shorten(cell, 40) for cell in cells[:20])
                raise TextsError(f"{layout.folder}/{path.name} has no column {missing[0]!r}; columns: {known}.")
            places = [cells.index(name) for name in names]
        elif len(cells) > max(places):
            *sentences, label = (cells[place] for place in places)
            for sentence in sentences:
                check_length(sentence, f"{layout.folder}/{path.name} line {number}")
            yield tuple(sentences), label
        elif line.strip():
            yield None


@dataclass(frozen=True)
class Glue:
    """A GLUE task; `rows` is the hub, which tests replace by examples in memory."""

    rows: Callable[[str], Iterable[Row | None]] = hub_rows
    name: ClassVar[str] = "glue"
    usage: ClassVar[str] = "glue:TASK"
    describe: ClassVar[str] = f"Sentences of a GLUE task ({', '.join(TASKS)}), from a local folder or the hub."
    options: ClassVar[frozenset[str]] = frozenset()

    def check(self, argument: str) -> str:
        """Return a task's name in the form `sst2`; `SST-2` and `STS-B` are understood."""
        if not argument:
            raise TextsError(f"glue needs a task; known: {', '.join(TASKS)}.", hint="Write glue:sst2.")
        task = argument.lower().replace("-", "").replace("_", "")
        if task not in TASKS:
            raise UnknownName("GLUE task", argument, TASKS)
        return task

    def load(self, request: Request) -> RawTexts:
        """Read train (else dev) of a local folder, else train of the hub; each sentence of a pair is one text.

        Columns: `label` as in the TSV files, `part` (1 or 2). Raises `TextsError`, and `Offline` without a folder.
        """
        task = self.check(request.argument)
        folder = request.glue_dir or settings.glue_dir()
        if folder is None:
            rows, note = self.rows(task), f"Read {DATASET}, split train, from the hub."
        else:
            path = folder_file(task, Path(folder).expanduser())
            rows, note = folder_rows(path, TASKS[task]), f"Read {TASKS[task].folder}/{path.name} of a local folder."
        texts: list[str] = []
        columns: dict[str, list[str]] = {"label": [], "part": []}
        broken = 0
        for row in rows:
            if row is None:
                broken += 1
                continue
            sentences, label = row
            for part, sentence in enumerate(sentences, 1):
                texts.append(sentence)
                columns["label"].append(label)
                columns["part"].append(str(part))
        notes = (note, f"Rows that lack a field, left out: {broken:,}.") if broken else (note,)
        return RawTexts(texts=texts, columns=columns, source=f"glue:{task}", name=f"glue:{task}", notes=notes)
