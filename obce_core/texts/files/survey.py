"""Survey the columns of a table in one pass, without keeping values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from obce_core.errors import TextsError
from obce_core.texts.sources.base import MAX_LABEL_CHARS

MAX_KEYS = 1_000
"""Columns of a table, or different keys of a JSON lines file."""

LOOKED_AT = 1_000
"""Rows by which a column is recognised as running text."""


@dataclass(kw_only=True)
class Column:
    """What is known of a column: all strings, all short labels, how many first values are running text."""

    is_text: bool = True
    is_label: bool = True
    filled: int = 0
    running: int = 0

    def add(self, value: Any, row: int) -> None:
        """Look at a value of a row (counted from 0)."""
        if isinstance(value, str):
            if self.is_label and (len(value) > MAX_LABEL_CHARS or has_surrogate(value)):
                self.is_label = False
        elif value is not None:
            self.is_text = False
            self.is_label = self.is_label and _is_short(value)
        if row < LOOKED_AT and value is not None and value != "":
            self.filled += 1
            self.running += isinstance(value, str) and len(value[:2_000].split(None, 1)) > 1

    @property
    def is_running_text(self) -> bool:
        """True if most values of the first rows are strings of two words or more."""
        return self.filled > 0 and 2 * self.running > self.filled


@dataclass(kw_only=True)
class Survey:
    """The columns of a table in file order, its number of rows, and notes on how it was read."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    rows: int = 0
    notes: tuple[str, ...] = ()

    def add_rows(self, records: Iterable[tuple[int, Mapping[str, Any]]]) -> Survey:
        """Look at every row; a key that a row lacks is null there.

        Raises:
            TextsError: more than 1,000 different keys.
        """
        for place, row in records:
            for key, value in row.items():
                column = self.columns.get(key)
                if column is None:
                    column = self.columns[key] = Column()
                    if len(self.columns) > MAX_KEYS:
                        raise TextsError(f"{self.name} has more than {MAX_KEYS} different keys up to line {place}.")
                column.add(value, self.rows)
            self.rows += 1
        return self


def has_surrogate(text: str) -> bool:
    """Return True if a text holds half of a surrogate pair, which cannot be written as UTF-8."""
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _is_short(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() < 3 * MAX_LABEL_CHARS  # digits of a huge number cost quadratic time
    return isinstance(value, bool)
