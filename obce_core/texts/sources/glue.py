"""The sentences of a GLUE task, from a local folder or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from obce_core import settings
from obce_core.errors import TextsError
from obce_core.glue.tasks import DATASET, TASKS, task_of
from obce_core.texts.sources.base import RawTexts, Request
from obce_core.texts.sources.glue_rows import Row, folder_file, folder_rows, hub_rows


@dataclass(frozen=True)
class Glue:
    """A GLUE task; `rows` is the hub, which tests replace by examples in memory."""

    rows: Callable[[str], Iterable[Row | None]] = hub_rows
    name: ClassVar[str] = "glue"
    title: ClassVar[str] = "A GLUE task"
    usage: ClassVar[str] = "glue:TASK"
    describe: ClassVar[str] = f"Sentences of a GLUE task ({', '.join(TASKS)}), from a local folder or the hub."
    options: ClassVar[frozenset[str]] = frozenset()

    def check(self, argument: str) -> str:
        """Return a task's name in the form `sst2`; `SST-2` and `STS-B` are understood."""
        if not argument:
            raise TextsError(f"glue needs a task; known: {', '.join(TASKS)}.", hint="Write glue:sst2.")
        return task_of(argument).name

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
