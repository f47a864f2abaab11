"""Parquet tables, read in small batches: dictionaries and run lengths let a file of 500 bytes claim gigabytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.errors import TextsError
from obce_core.texts.files.intake import check_file, display
from obce_core.texts.files.separated import check_unique
from obce_core.texts.files.survey import LOOKED_AT, MAX_KEYS, Column, Survey
from obce_core.texts.sources.base import MAX_LABEL_CHARS

MAX_CELLS = 20_000_000
"""Rows x columns that can be texts or labels."""

ROW_BYTES = 128
"""Memory that a row takes at least; nulls by run length let a file claim any number of rows."""

MAX_FOOTER_BYTES = 8_000_000
_BATCH_BYTES = 32_000_000
_BATCH_ROWS = (128, 16_384)
"""Limits of the rows decoded at once, since a dictionary may repeat long strings."""


@dataclass(frozen=True, kw_only=True)
class Parquet:
    """The string, whole-number and boolean columns of a parquet file."""

    place: str = "row"

    def survey(self, path: Path) -> Survey:
        """Look at every string; numbers and truth values are labels as they are."""
        pa: Any = import_module("pyarrow")
        pc: Any = import_module("pyarrow.compute")
        with _opened(path) as file:
            fields = [field for field in file.schema_arrow if _is_plain(pa, field.type)]
            survey = Survey(name=display(path), rows=file.metadata.num_rows)
            for field in fields:
                survey.columns[field.name] = Column(is_text=_is_string(pa, field.type))
            strings = [name for name, column in survey.columns.items() if column.is_text]
            decoded, row = 0, 0
            for batch in _batches(file, strings):
                for name, values in zip(strings, batch.columns, strict=True):
                    column, texts = survey.columns[name], _plain(pa, values)
                    decoded += texts.nbytes
                    if column.is_label and (pc.max(pc.utf8_length(texts)).as_py() or 0) > MAX_LABEL_CHARS:
                        column.is_label = False
                    if row < LOOKED_AT:
                        for at, value in enumerate(texts.slice(0, LOOKED_AT - row).to_pylist()):
                            column.add(value, row + at)
                if decoded > settings.MAX_TEXT_FILE_BYTES:
                    raise TextsError(f"{survey.name} unpacks to more than {settings.MAX_TEXT_FILE_BYTES:,} bytes.")
                row += len(batch)
            return survey

    def rows(self, path: Path, names: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield each row's number, and its values of the named columns."""
        pa: Any = import_module("pyarrow")
        with _opened(path) as file:
            number = 0
            for batch in _batches(file, names):
                columns = [_plain(pa, batch.column(name)).to_pylist() for name in names]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield number, values


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file whose footer, rows and columns are within the limits; what pyarrow raises becomes a `TextsError`."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    size, name = check_file(path).st_size, display(path)
    with path.open("rb") as stream:
        stream.seek(max(0, size - 8))
        end = stream.read(8)
    footer = int.from_bytes(end[:4], "little")
    if end[4:] == b"PAR1" and MAX_FOOTER_BYTES < footer < size:
        raise TextsError(
            f"{name}: its footer has {footer:,} bytes; limit {MAX_FOOTER_BYTES:,}.", hint="Write it with fewer columns."
        )
    try:
        with pq.ParquetFile(
            path,
            pre_buffer=False,
            buffer_size=1 << 16,
            thrift_string_size_limit=MAX_FOOTER_BYTES,
            thrift_container_size_limit=100_000,
        ) as file:
            metadata = file.metadata
            if metadata.num_columns > MAX_KEYS:
                raise TextsError(
                    f"{name} has {metadata.num_columns:,} columns; limit {MAX_KEYS:,}.",
                    hint="Keep the texts and a few labels.",
                )
            names = [field.name for field in file.schema_arrow if _is_plain(pa, field.type)]
            check_unique(name, names)
            most = settings.text_memory() // ROW_BYTES
            if metadata.num_rows > most:
                raise TextsError(
                    f"{name} has {metadata.num_rows:,} rows; limit {most:,}.",
                    hint="Write a part of it, or set a larger OBCE_TEXT_MEMORY.",
                )
            if metadata.num_rows * max(1, len(names)) > MAX_CELLS:
                raise TextsError(
                    f"{name} has {metadata.num_rows:,} rows of {len(names):,} columns that can be texts or labels; "
                    f"limit {MAX_CELLS:,} values together.",
                    hint="Write a part of it.",
                )
            yield file
    except MemoryError:  # pyarrow's own is one of these, and one of ArrowException too
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise TextsError(f"{name} is not a readable parquet file.") from None


def _batches(file: Any, names: Sequence[str]) -> Iterator[Any]:
    """Yield the named columns in batches of few rows where strings may be long."""
    if names:
        # Of a row group, not of its columns: pyarrow aborts the process where a column's own entry is damaged.
        longest = max(
            (file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)), default=0
        )
        low, high = _BATCH_ROWS
        rows = min(high, max(low, _BATCH_BYTES // max(1, longest * len(names))))
        yield from file.iter_batches(batch_size=rows, columns=list(names), use_threads=False)


def _plain(pa: Any, values: Any) -> Any:
    """Return a column without dictionary; strings as large strings, whatever they are stored as."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.cast(pa.large_string()) if _is_string(pa, values.type) else values


def _is_string(pa: Any, kind: Any) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner))


def _is_plain(pa: Any, kind: Any) -> bool:
    """Return True if a column can be a text or a label."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return _is_string(pa, kind) or bool(pa.types.is_integer(inner) or pa.types.is_boolean(inner))
