"""CSV and TSV: rows of fields below a header."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.errors import TextsError, shorten
from obce_core.texts.files.dialect import Dialect, find_dialect
from obce_core.texts.files.intake import display
from obce_core.texts.files.lines import numbered_lines
from obce_core.texts.files.survey import MAX_KEYS, Survey

LINE_LIMIT = 8 * settings.MAX_TEXT_CHARS
"""A line of a table may hold several texts, and escapes."""


@dataclass(frozen=True, kw_only=True)
class Separated:
    """Values with a header, separated by `usual` or by what the file's first lines show (see `find_dialect`).

    Quotes are standard double quotes (strict: a quote that stays open fails), except between tabs in a TSV file, where
    they are characters like any other.
    """

    usual: str
    place: str = "line"

    def survey(self, path: Path) -> Survey:
        """Look at every row of the table."""
        dialect = self._dialect(path)
        rows = _read(path, dialect)
        _, header = next(rows, (1, []))
        survey = Survey(name=display(path), notes=(dialect.note,) if dialect.note else ())
        survey.add_rows([(1, dict.fromkeys(header))])
        survey.rows = 0
        return survey.add_rows((number, dict(zip(header, row, strict=True))) for number, row in rows)

    def rows(self, path: Path, names: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield the line where a row begins, and the values of the named columns."""
        rows = _read(path, self._dialect(path))
        _, header = next(rows, (1, []))
        at = [header.index(name) for name in names]
        for number, row in rows:
            yield number, [row[i] for i in at]

    def _dialect(self, path: Path) -> Dialect:
        # The limit belongs to the process: only ever raised, since another thread may be reading.
        csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
        return find_dialect(path, self.usual, LINE_LIMIT)


def _read(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the header and then the rows, all of the same width, each with its line; blank lines are skipped."""
    name = display(path)
    lines = (line + "\n" for _, line in numbered_lines(path, limit=LINE_LIMIT))  # a quoted field may hold line ends
    reader: Any = dialect.reader(islice(lines, dialect.first - 1, None))
    header: list[str] = []
    first, above = dialect.first, dialect.first - 1
    try:
        for row in reader:
            if row and not header:
                header = _checked_header(name, [cell.strip() for cell in row])
                yield first, header
            elif row:
                if len(row) != len(header):
                    raise TextsError(
                        f"{name} line {first} has {len(row):,} fields; its header has {len(header):,}.",
                        hint="Quote fields that hold the separator." if dialect.quoted else "",
                    )
                yield first, row
            first = reader.line_num + above + 1
    except csv.Error as error:
        raise TextsError(f"{name} line {max(1, reader.line_num + above)} cannot be read as a table: {error}.") from None


def _checked_header(name: str, row: list[str]) -> list[str]:
    if len(row) > MAX_KEYS:
        raise TextsError(
            f"{name} has {len(row):,} columns; limit {MAX_KEYS:,}.",
            hint="Keep the column with the texts and a few labels.",
        )
    check_unique(name, row)
    return row


def check_unique(name: str, names: Sequence[str]) -> None:
    """Refuse two columns of the same name."""
    twice = next((cell for cell, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise TextsError(
            f"{name} has two columns named {shorten(twice)!r}.", hint="Give each column a name of its own."
        )
