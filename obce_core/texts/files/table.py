"""Tables: the formats with columns, and a way from each to texts and labels that keeps nothing else in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from obce_core.errors import TextsError, shorten
from obce_core.texts.clean import tidy
from obce_core.texts.files.budget import Budget
from obce_core.texts.files.intake import check_length, display
from obce_core.texts.files.jsonl import JsonLines
from obce_core.texts.files.parquet_table import Parquet
from obce_core.texts.files.separated import Separated
from obce_core.texts.files.survey import Survey, has_surrogate


class Format(Protocol):
    """A file with columns."""

    def survey(self, path: Path) -> Survey:
        """Say what the columns hold, in one pass that keeps no values."""

    def rows(self, path: Path, names: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield each row's place (see `place`) and its values of the named columns; null where it has none."""

    @property
    def place(self) -> str:
        """What a row is called in errors: `line` or `row`."""


TABLES: dict[str, Format] = {
    ".csv": Separated(usual=","),
    ".tsv": Separated(usual="\t"),
    ".jsonl": JsonLines(),
    ".parquet": Parquet(),
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """The texts of a table with their labels; `places` are their line or row numbers."""

    texts: list[str]
    labels: dict[str, list[str]]
    places: Sequence[int]


def read_table(path: Path, text_column: str, label_columns: dict[str, str]) -> Table:
    """Read one column as texts, and others as labels, under the name that `label_columns` gives them.

    Raises:
        TextsError: a value that is not a string, a text that is too long, or texts beyond the limit of memory; names
            the place.
    """
    form, name = TABLES[path.suffix.lower()], display(path)
    budget = Budget(name, form.place)
    texts: list[str] = []
    labels: dict[str, list[str]] = {key: [] for key in label_columns.values()}
    places = array("Q")
    for number, (value, *others) in form.rows(path, (text_column, *label_columns)):
        text = _checked(value, f"{name} {form.place} {number}", text_column) if value not in (None, "") else ""
        budget.take_text(text, number)
        texts.append(text)
        places.append(number)
        for kept, other in zip(labels.values(), others, strict=True):
            kept.append(budget.keep_label("" if other is None else tidy(str(other)), number))
    return Table(texts=texts, labels=labels, places=places)


def _checked(value: Any, where: str, column: str) -> str:
    """Return a value as a tidied text; refuse values that are not strings, too long, or not Unicode."""
    if not isinstance(value, str):
        raise TextsError(f"{where}: {shorten(column)!r} is {type(value).__name__}, expected a string.")
    check_length(value, where)
    if has_surrogate(value):
        raise TextsError(f"{where}: {shorten(column)!r} holds half of a surrogate pair, which is not a character.")
    return tidy(value)
