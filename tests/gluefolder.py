"""A folder of made-up GLUE tasks in the official TSV layout: small, learnable, with quotes that are no CSV quotes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from obce_core.glue.tasks import TASKS, Task
from tests import tiny


def write_tasks(folder: Path, *names: str, train: int = 48, rest: int = 24, tests: bool = False) -> Path:
    """Write some tasks: the label follows from the first word, so that a model can learn it."""
    for name in names:
        task = TASKS[name]
        home = folder / task.folder
        home.mkdir(parents=True, exist_ok=True)
        for at, (split, file) in enumerate(task.files.items()):
            if split.startswith("test") and not tests:
                continue
            rows = _rows(task, train if split == "train" else rest, seed=at, test=split.startswith("test"))
            (home / file).write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def _rows(task: Task, count: int, *, seed: int, test: bool) -> list[str]:
    rng = np.random.default_rng([seed, len(task.name)])
    sentences = tiny.sentences(2 * count, seed=seed)
    rows = []
    columns = [*((task.test or task.sentences) if test else task.sentences)]
    headed = test or not isinstance(task.label, int)
    if headed:
        rows.append("\t".join(["index", *map(str, columns), *([] if test else [str(task.label)])]))
    for at in range(count):
        given = [sentences[at], sentences[count + at]][: len(columns)]
        given[0] = f'"{given[0]}'  # an unbalanced quote, as the real files have
        label = _label(task, given[0], rng)
        if headed:
            rows.append("\t".join([str(at), *given, *([] if test else [label])]))
        else:
            rows.append("\t".join(["src", label, "", *given]))
    return rows


def _label(task: Task, sentence: str, rng: np.random.Generator) -> str:
    value = (ord(sentence[1]) - ord("a")) % 11 / 11
    if task.regression:
        return f"{5 * value:.3f}"
    at = min(task.classes - 1, int(task.classes * value + 0.2 * rng.random()))
    return task.words[at] if task.words else str(at)
