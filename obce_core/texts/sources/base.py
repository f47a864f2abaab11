"""The interface of a text source: its name, its description, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with (done, total) while texts arrive; it may raise `Cancelled`, which passes through."""

MAX_COLUMNS = 8
"""This many labels a text are carried along, at most."""

MAX_LABEL_CHARS = 64
"""A column is a label when none of its values is longer than this."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a reader is asked for; a source ignores what does not concern it.

    `argument` is the part of the spec after the colon (or the path of a file), as `TextSource.check` returned it.
    """

    argument: str = ""
    n: int | None = None
    seed: int = 0
    column: str | None = None
    split: str | None = None
    glue_dir: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, kw_only=True)
class RawTexts:
    """Texts in source order, not yet cleaned of control characters, empties and duplicates.

    `columns` holds labels, each as long as `texts`; `source` is the canonical spec that results carry; `name` is what
    an error calls this source; `notes` are plain sentences about what was read and what was left out.
    """

    texts: Sequence[str]
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    source: str
    name: str
    notes: tuple[str, ...] = ()


class TextSource(Protocol):
    """One row of the table of sources."""

    @property
    def name(self) -> str:
        """The word that selects it."""

    @property
    def title(self) -> str:
        """Its name on the Analysis page."""

    @property
    def usage(self) -> str:
        """How it is written in a spec, e.g. `glue:TASK`; the Analysis page asks for what follows the colon."""

    @property
    def describe(self) -> str:
        """One line for people."""

    @property
    def options(self) -> frozenset[str]:
        """Which of `column` and `split` it obeys; the others are refused, never ignored."""

    def check(self, argument: str) -> str:
        """Return the argument in canonical form, without reading the texts; raise `BadInput` if it cannot be used."""

    def load(self, request: Request) -> RawTexts:
        """Read the texts; raise `TextsError` or `Offline`."""
