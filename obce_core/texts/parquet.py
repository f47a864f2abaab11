"""Texts on disk: one parquet file that restores every field."""

from __future__ import annotations

import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from obce_core import store
from obce_core.errors import TextsError, shorten
from obce_core.texts.sample import Texts

KEY = b"obce.texts"
FORMAT = "obce-texts/1"
# Held-out texts lie in the metadata, which may outgrow what pyarrow reads by default (100 MB).
_HEADER_LIMIT = 2**31 - 1
_FIELDS = ("source", "seed", "available", "notes", "heldout")


def write_texts(texts: Texts, path: Path) -> None:
    """Write a sample atomically; raise `TextsError` when the folder cannot be written."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    facts = {"format": FORMAT, "digest": texts.digest} | {name: getattr(texts, name) for name in _FIELDS}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in {"text": texts.texts, **texts.columns}.items()})
    buffer = io.BytesIO()
    # Metadata of the Arrow schema would be stored twice (once more in base64); added to the file, it is stored once.
    with pq.ParquetWriter(buffer, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: json.dumps(facts, ensure_ascii=False).encode()})
    try:
        store.atomic_write(path, buffer.getvalue())
    except OSError as error:
        raise TextsError(f"Cannot write {shorten(path, 200)}: {error.strerror or error}.") from None


def read_texts(path: Path) -> Texts:
    """Read a sample; raise `TextsError` when the file is absent, foreign, damaged, or was changed."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    name = shorten(path.name, 120)
    if not path.is_file():
        raise TextsError(f"No such file: {shorten(path, 200)}.")
    try:
        table = pq.ParquetFile(path, thrift_string_size_limit=_HEADER_LIMIT, thrift_container_size_limit=_HEADER_LIMIT).read()
    except (pa.ArrowException, OSError):
        raise TextsError(f"{name} is not a readable parquet file.") from None
    raw = (table.schema.metadata or {}).get(KEY)
    if raw is None or "text" not in table.column_names:
        raise TextsError(f"{name} was not written by obce: it has no {KEY.decode()} in its metadata.")
    try:
        facts = json.loads(raw)
        if facts["format"] != FORMAT:
            raise TextsError(f"{name} has format {shorten(facts['format'])!r}, expected {FORMAT!r}.")
        columns = {column: table.column(column).to_pylist() for column in table.column_names}
        texts = Texts(texts=columns.pop("text"), columns=columns, **{field: facts[field] for field in _FIELDS})
        told = facts["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise TextsError(f"{name} is damaged: its metadata is incomplete.") from None
    if texts.digest != told:
        raise TextsError(f"{name} was changed: the digest of its texts is not the one it was written with.")
    return texts
