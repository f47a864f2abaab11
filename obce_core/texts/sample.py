"""The sample of texts that everything else is measured on."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from obce_core.errors import TextsError, shorten
from obce_core.storage import atomic, digests

KEY = b"obce.texts"
FORMAT = "obce-texts/1"
# Held-out texts lie in the metadata, which may outgrow what pyarrow reads by default (100 MB).
_HEADER_LIMIT = 2**31 - 1
_FIELDS = ("source", "seed", "available", "notes", "heldout")

HELDOUT_LIMIT = 1000
"""This many of the texts that were not drawn are kept, for fidelity."""

SEED_LIMIT = 2**32
"""Seeds are whole numbers from 0 to this, exclusive."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """N different texts in source order, with where they came from.

    Args:
        texts: the sample, N different, non-empty strings.
        columns: labels by name, each N strings long (topic, subject, label).
        source: canonical spec (`demo`, `glue:sst2`, `wikipedia:20231101.en`, `file:NAME#sha256=HEX`); no path.
        seed: the seed of the draw, 0 to 2**32 - 1.
        available: how many different texts there were to draw from, at least N.
        notes: plain sentences about what was read and what was dropped.
        heldout: different texts that are not in the sample, in source order, at most 1000.

    Raises:
        TextsError: the parts contradict each other.
    """

    texts: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str
    seed: int = 0
    available: int
    notes: tuple[str, ...] = ()
    heldout: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("texts", "notes", "heldout"):
            object.__setattr__(self, name, _strings(name, getattr(self, name)))
        columns = {str(name): _strings(f"column {shorten(name)!r}", values) for name, values in self.columns.items()}
        object.__setattr__(self, "columns", MappingProxyType(columns))
        self._check()

    def __len__(self) -> int:
        return len(self.texts)

    def __hash__(self) -> int:
        return hash((self.texts, self.source, self.seed))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.plain(),)  # a mapping proxy cannot be pickled

    @cached_property
    def digest(self) -> str:
        """The sha256 (64 hex digits) over the ordered texts alone: equal texts, equal digest, whatever the source."""
        return digests.digest(list(self.texts))

    def plain(self) -> dict[str, Any]:
        """Return the fields as plain data, in order."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"columns": dict(self.columns)}

    def write(self, path: Path) -> None:
        """Write `texts.parquet`: columns `text` and the labels, all else as JSON in the schema's metadata.

        The file appears by rename. Raises `TextsError` when it cannot be written.
        """
        _write(self, Path(path))

    @staticmethod
    def read(path: Path) -> Texts:
        """Read what `write` wrote, equal in every field; raise `TextsError` if it is absent, foreign or changed."""
        return _read(Path(path))

    def _check(self) -> None:
        n = len(self.texts)
        if not n:
            raise TextsError("needs at least 1 text; got none.")
        if not all(self.texts) or len(set(self.texts)) != n:
            raise TextsError("texts must be different from each other and not empty.")
        for name, values in self.columns.items():
            if not name or name == "text" or len(values) != n:
                raise TextsError(f"column {shorten(name)!r} has {len(values)} values for {n} texts, or no usable name.")
        check_seed(self.seed)
        if isinstance(self.available, bool) or not isinstance(self.available, int) or self.available < n:
            raise TextsError(f"available is {shorten(self.available)}, expected a whole number of at least {n}.")
        if not isinstance(self.source, str) or not self.source or self.source.startswith(("/", "file:/")):
            raise TextsError(f"source must be a spec without a path, got {shorten(self.source)!r}.")
        if len(self.heldout) > HELDOUT_LIMIT or len({*self.heldout, *self.texts}) != n + len(self.heldout):
            raise TextsError(f"heldout must be at most {HELDOUT_LIMIT} different texts, none of them in the sample.")


def check_seed(seed: int) -> None:
    """Refuse a seed that is not a whole number from 0 to 2**32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise TextsError(f"the seed must be a whole number from 0 to {SEED_LIMIT - 1}, got {shorten(repr(seed))}.")


def _write(texts: Texts, path: Path) -> None:
    """Write a sample atomically; raise `TextsError` when the folder cannot be written."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    facts = {"format": FORMAT, "digest": texts.digest} | {name: getattr(texts, name) for name in _FIELDS}
    table = pa.table(
        {name: pa.array(values, pa.string()) for name, values in {"text": texts.texts, **texts.columns}.items()}
    )
    buffer = io.BytesIO()
    # Metadata of the Arrow schema would be stored twice (once more in base64); added to the file, it is stored once.
    with pq.ParquetWriter(buffer, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: json.dumps(facts, ensure_ascii=False).encode()})
    try:
        atomic.atomic_write(path, buffer.getvalue())
    except OSError as error:
        raise TextsError(f"Cannot write {shorten(path, 200)}: {error.strerror or error}.") from None


def _read(path: Path) -> Texts:
    """Read a sample; raise `TextsError` when the file is absent, foreign, damaged, or was changed."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    name = shorten(path.name, 120)
    if not path.is_file():
        raise TextsError(f"No such file: {shorten(path, 200)}.")
    try:
        table = pq.ParquetFile(
            path, thrift_string_size_limit=_HEADER_LIMIT, thrift_container_size_limit=_HEADER_LIMIT
        ).read()
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
        stored_digest = facts["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise TextsError(f"{name} is damaged: its metadata is incomplete.") from None
    if texts.digest != stored_digest:
        raise TextsError(f"{name} was changed: the digest of its texts is not the one it was written with.")
    return texts


def _strings(name: str, values: Any) -> tuple[str, ...]:
    """Freeze strings that can be written as UTF-8."""
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TextsError(f"{name} must be a sequence of strings.")
    try:
        "".join(values).encode("utf-8")
    except UnicodeEncodeError:
        raise TextsError(f"{name} hold half of a surrogate pair, which is not a character.") from None
    return tuple(values)


def _restore(plain: dict[str, Any]) -> Texts:
    return Texts(**plain)
