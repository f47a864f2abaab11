"""The frozen sample of texts that everything else is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from obce_core import store
from obce_core.errors import TextsError, shorten

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
        return store.digest(list(self.texts))

    def plain(self) -> dict[str, Any]:
        """Return the fields as plain data, in order."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"columns": dict(self.columns)}

    def write(self, path: Path) -> None:
        """Write `texts.parquet`: columns `text` and the labels, all else as JSON in the schema's metadata.

        The file appears by rename. Raises `TextsError` when it cannot be written.
        """
        from obce_core.texts.parquet import write_texts

        write_texts(self, Path(path))

    @staticmethod
    def read(path: Path) -> Texts:
        """Read what `write` wrote, equal in every field; raise `TextsError` if it is absent, foreign or changed."""
        from obce_core.texts.parquet import read_texts

        return read_texts(Path(path))

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


def _strings(name: str, values: Any) -> tuple[str, ...]:
    """Freeze strings that can be written as UTF-8."""
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TextsError(f"{name} must be a sequence of strings.")
    try:
        "".join(values).encode("utf-8")
    except UnicodeEncodeError:
        raise TextsError(f"{name} hold half of a surrogate pair, which is no character.") from None
    return tuple(values)


def _restore(plain: dict[str, Any]) -> Texts:
    return Texts(**plain)
