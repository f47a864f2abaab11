"""600 encyclopedic sentences written for this project, in the package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import ClassVar

from obce_core.errors import TextsError
from obce_core.texts.sources.base import RawTexts, Request

HEADER = ["text", "subject", "topic"]


@dataclass(frozen=True)
class Demo:
    """The texts that are always there."""

    name: ClassVar[str] = "demo"
    title: ClassVar[str] = "Demo sentences"
    usage: ClassVar[str] = "demo"
    describe: ClassVar[str] = (
        "600 encyclopedic sentences on 12 topics, written for this project; no network needed. Those not drawn "
        "are held out for fidelity."
    )
    options: ClassVar[frozenset[str]] = frozenset()

    def check(self, argument: str) -> str:
        """Refuse an argument."""
        if argument:
            raise TextsError("demo takes nothing after it.", hint="Write demo.")
        return ""

    def load(self, request: Request) -> RawTexts:
        """Read the package's file; columns `subject` and `topic`."""
        try:
            lines = resources.files("obce_core.texts.sources").joinpath("demo.tsv").read_text("utf-8").split("\n")
        except OSError:
            raise TextsError("demo.tsv is missing from the package.", hint="Install obce again.") from None
        rows = [line.split("\t") for line in lines if line]
        if not rows or rows[0] != HEADER or any(len(row) != len(HEADER) for row in rows):
            raise TextsError("demo.tsv in the package is damaged.", hint="Install obce again.")
        columns = {name: [row[i] for row in rows[1:]] for i, name in enumerate(HEADER)}
        return RawTexts(texts=columns.pop("text"), columns=columns, source="demo", name="demo")
