"""Availability of GLUE tasks: in a folder, file by file, or on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from obce_core.glue.tasks import TASKS, Task
from obce_core.texts.sources.glue_rows import split_file


@dataclass(frozen=True, kw_only=True)
class Found:
    """The files of one task: `missing` lists absent training and validation files; `tests`: the test files exist."""

    task: Task
    missing: tuple[str, ...]
    tests: bool

    @property
    def ready(self) -> bool:
        return not self.missing


def find_tasks(folder: Path | None) -> list[Found]:
    """Look for every task in a folder; without one all are on the hub, where nothing is asked here."""
    tasks_ = []
    for task in TASKS.values():
        lack = (
            []
            if folder is None
            else [split for split in task.files if not split_file(task.name, folder, split).is_file()]
        )
        needed = tuple(f"{task.folder}/{task.files[split]}" for split in lack if split not in task.tests)
        tasks_.append(Found(task=task, missing=needed, tests=not any(split in task.tests for split in lack)))
    return tasks_
