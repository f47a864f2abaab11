"""Detect the separator of a table from its first lines, so that a label never becomes part of a text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from obce_core.errors import TextsError, shorten
from obce_core.texts.files.intake import display
from obce_core.texts.files.lines import numbered_lines

SEPARATORS = {",": "','", ";": "';'", "\t": "tabs", "|": "'|'"}
"""The characters that are tried, and how messages write them."""

_LINES, _CHARS = 200, 400_000
_LABEL_CHARS = 20
_SEP_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
_NUMERIC = re.compile(r"[-+]?\d{1,20}([.,]\d{1,20})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file separates its fields. `first` is the line of the header: 2 below a `sep=` line."""

    delimiter: str
    quoted: bool
    first: int = 1
    note: str = ""

    def reader(self, lines: Iterable[str]) -> Any:
        """Return a csv reader: standard double quotes (strict), or none; spaces behind a separator are skipped."""
        if not self.quoted:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=True)


def find_dialect(path: Path, usual: str, limit: int) -> Dialect:
    """Decide how the fields of a file are separated.

    A `sep=;` line, as spreadsheets write it, is obeyed. Otherwise a separator fits where the first 200 lines have
    equally many fields, two at least. `usual` is the file ending's own separator.

    Raises:
        TextsError: two separators fit, or the header is separated by another character than the rows.
    """
    name = display(path)
    lines, size = [], 0
    for _, line in islice(numbered_lines(path, limit=limit), _LINES):
        lines.append(line + "\n")
        size += len(line)
        if size > _CHARS:
            break
    match = _SEP_LINE.fullmatch(lines[0]) if lines else None
    first = 2 if match else 1
    rows = {
        one: _split(lines[first - 1 :], one, usual)
        for one in dict.fromkeys((*SEPARATORS, *(match[1] if match else ())))
    }
    fitting = [
        one
        for one, split in rows.items()
        if len(split) > 1 and len(split[0]) > 1 and len({len(row) for row in split}) == 1
    ]
    delimiter = match[1] if match else _choose(name, rows, fitting, usual)
    split = rows[delimiter]
    other = next((one for one in fitting if one != delimiter), None)
    if split and len(split[0]) == 1 and other is not None:
        raise TextsError(
            f"{name} is separated by {_word(other)}, not by {_word(delimiter)} as its first line says.",
            hint="Mend that line.",
        )
    if split and len(split[0]) == 1:
        _check_single(name, {one: part for one, part in rows.items() if one != delimiter})
    _check_header(name, split)
    note = f"Fields are separated by {_word(delimiter)}." if delimiter != usual else ""
    return Dialect(delimiter=delimiter, quoted=delimiter != "\t" or usual != "\t", first=first, note=note)


def _split(lines: Sequence[str], delimiter: str, usual: str) -> list[list[str]]:
    """Split the first lines into rows; blank ones, and what does not end within them, are left out."""
    dialect = Dialect(delimiter=delimiter, quoted=delimiter != "\t" or usual != "\t")
    rows: list[list[str]] = []
    try:
        for row in dialect.reader(lines):
            if row:
                rows.append(row)
    except csv.Error:  # a quoted field is longer than what is looked at, or the quotes are of another kind
        pass
    return rows


def _choose(name: str, rows: dict[str, list[list[str]]], fitting: list[str], usual: str) -> str:
    if usual == "\t" and usual in fitting:
        return usual  # text seldom holds tabs
    if len(fitting) > 1:
        raise TextsError(
            f"{name} may be separated by {' or '.join(map(_word, fitting))}.",
            hint=f"Write sep={fitting[0] if fitting[0] != usual else fitting[1]} or sep={usual} as its first line.",
        )
    if fitting:
        return fitting[0]
    wide = [
        one for one, split in rows.items() if split and len(split[0]) > 1
    ]  # rows of unequal length: refused where they are read
    return usual if usual in wide or not wide else max(wide, key=lambda one: len(rows[one][0]))


def _check_single(name: str, rows: dict[str, list[list[str]]]) -> None:
    """Refuse a header of one field above rows that all end with a label behind another separator."""
    for separator, split in rows.items():
        body = split[1:]
        widths = {len(row) for row in body}
        if len(body) > 1 and len(widths) == 1 and widths != {1} and all(_is_label(row[-1]) for row in body):
            raise TextsError(
                f"{name} has {widths.pop()} fields a row, separated by {_word(separator)}; its header has 1.",
                hint="Name every column in the first line, or quote the texts.",
            )


def _check_header(name: str, split: list[list[str]]) -> None:
    """Refuse a first line that holds data: a number above numbers, beside a text above texts."""
    if len(split) < 2 or any(len(row) != len(split[0]) for row in split):
        return
    header, body = split[0], split[1:]
    columns = list(zip(*body, strict=True))
    numbers = [
        cell
        for cell, below in zip(header, columns, strict=True)
        if _NUMERIC.fullmatch(cell) and all(map(_NUMERIC.fullmatch, below))
    ]
    texts = [
        cell
        for cell, below in zip(header, columns, strict=True)
        if len(cell.split()) > 2 and 2 * sum(len(value.split(None, 2)) > 2 for value in below) > len(below)
    ]
    if numbers and texts:
        raise TextsError(
            f"{name} line 1 is a row, not a header: {shorten(texts[0], 40)!r}, {shorten(numbers[0], 20)!r}.",
            hint="Put the names of the columns above it, e.g. text,label.",
        )


def _is_label(cell: str) -> bool:
    return 0 < len(cell.strip()) <= _LABEL_CHARS and len(cell.split()) == 1


def _word(separator: str) -> str:
    return SEPARATORS.get(separator, repr(separator))
