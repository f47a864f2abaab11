"""Files with columns: CSV, TSV, JSON lines and parquet, each to plain lists by name."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.errors import TextsError, shorten
from obce_core.texts.intake import check_file, display
from obce_core.texts.lines import numbered_lines

LINE_LIMIT = 16 * settings.MAX_TEXT_CHARS
"""A line of a table may hold several texts, and escapes."""

MAX_ROWS = 20_000_000
"""Run-length encoding lets a small parquet file claim any number of rows."""


MAX_KEYS = 1_000
"""Every new key of a JSON lines file adds a column of nulls above it."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns in file order, each as long as `places`; `places` names a row in errors (`line 7`, `row 7`)."""

    name: str
    columns: dict[str, list[Any]]
    places: list[str]


def read_csv(path: Path) -> Table:
    """Read comma separated values with a header and standard double quotes (strict: a quote that stays open fails)."""
    return _read_separated(path, {"delimiter": ",", "strict": True})


def read_tsv(path: Path) -> Table:
    """Read tab separated values with a header; quotes are characters like any other."""
    return _read_separated(path, {"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def read_jsonl(path: Path) -> Table:
    """Read one JSON object a line; a key that a line lacks is null there."""
    name = display(path)
    columns: dict[str, list[Any]] = {}
    places: list[str] = []
    for number, line in numbered_lines(path, limit=LINE_LIMIT):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise TextsError(f"{name} line {number} is not valid JSON{column}.", hint="Write one object a line.") from None
        if not isinstance(row, dict):
            raise TextsError(
                f"{name} line {number} is a JSON {type(row).__name__}, expected an object.",
                hint='Write one object a line, e.g. {"text": "..."}.',
            )
        for key in row:
            columns.setdefault(key, [None] * len(places))
        if len(columns) > MAX_KEYS:
            raise TextsError(f"{name} has more than {MAX_KEYS} different keys up to line {number}.")
        for key, values in columns.items():
            values.append(row.get(key))
        places.append(f"line {number}")
    return Table(name=name, columns=columns, places=places)


def read_parquet(path: Path) -> Table:
    """Read the string, whole-number and boolean columns of a parquet file."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    check_file(path)
    name = display(path)
    try:
        file = pq.ParquetFile(path)
        groups = [file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)]
        if file.metadata.num_rows > MAX_ROWS or sum(groups) > settings.MAX_TEXT_FILE_BYTES:
            raise TextsError(f"{name} unpacks to more than {MAX_ROWS:,} rows or {settings.MAX_TEXT_FILE_BYTES:,} bytes.")
        wanted = _checked_header(name, [field.name for field in file.schema_arrow if _is_plain(pa, field.type)])
        table = file.read(columns=wanted)
        columns = {column: table.column(column).to_pylist() for column in wanted}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise TextsError(f"{name} is not a readable parquet file.") from None
    return Table(name=name, columns=columns, places=[f"row {row + 1}" for row in range(table.num_rows)])


def _read_separated(path: Path, dialect: dict[str, Any]) -> Table:
    """Read a header and rows of the same width; blank lines are skipped."""
    name = display(path)
    # The limit belongs to the process: only ever raised, since another thread may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT))
    reader = csv.reader(_with_ends(path), **dialect)
    header: list[str] = []
    rows: list[list[str]] = []
    places: list[str] = []
    try:
        first = 1
        for row in reader:
            if not header:
                header = _checked_header(name, [cell.strip() for cell in row])
            elif row:
                if len(row) != len(header):
                    raise TextsError(
                        f"{name} line {first} has {len(row)} fields; its header has {len(header)}.",
                        hint="Quote fields that hold the separator." if dialect["delimiter"] == "," else "",
                    )
                rows.append(row)
                places.append(f"line {first}")
            first = reader.line_num + 1
    except csv.Error as error:
        raise TextsError(f"{name} line {max(1, reader.line_num)} cannot be read as a table: {error}.") from None
    return Table(name=name, columns={key: [row[i] for row in rows] for i, key in enumerate(header)}, places=places)


def _checked_header(name: str, row: list[str]) -> list[str]:
    twice = next((cell for cell, count in Counter(row).items() if count > 1), None)
    if twice is not None:
        raise TextsError(f"{name} has two columns named {shorten(twice)!r}.", hint="Give each column a name of its own.")
    return row


def _with_ends(path: Path) -> Iterator[str]:
    """Give csv its line ends back: a quoted field may hold some."""
    for _, line in numbered_lines(path, limit=LINE_LIMIT):
        yield line + "\n"


def _is_plain(pa: Any, kind: Any) -> bool:
    """Say whether a parquet column can be a text or a label."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_string = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    return bool(is_string or pa.types.is_integer(inner) or pa.types.is_boolean(inner))
