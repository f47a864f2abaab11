"""The stored rows of a cut layer: their number, their original indices, and their form in config.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from obce_core.architectures.base import EncoderShape, Family
from obce_core.errors import ConfigError, shorten


@dataclass(frozen=True, kw_only=True)
class LayerWidths:
    """Stored widths of a cut layer.

    For each head: `pairs` (dimensions of which a query and a key row are stored), `extra` (1 where query-cut dimensions
    fold into one more key row), `values`. For the layer: `intermediate`.
    """

    pairs: tuple[int, ...]
    extra: tuple[int, ...]
    values: tuple[int, ...]
    intermediate: int


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRows:
    """The original indices of stored rows, rising: `pairs` (of queries and keys), `values`, `intermediate`.

    `mixed` has an entry a pair: 1 where the query row mixes several of the original's, 2 where the key row does, 0
        where
    both are the original's own. A mixed row carries the index of its partner.
    """

    pairs: np.ndarray
    mixed: np.ndarray
    values: np.ndarray
    intermediate: np.ndarray

    def widths(self, extra: Sequence[int], shape: EncoderShape) -> LayerWidths:
        """Count the rows by head; `extra` is given, since an extra key row is not a row of the original."""
        by_head = [
            np.bincount(rows // shape.head_size, minlength=shape.heads).tolist() for rows in (self.pairs, self.values)
        ]
        return LayerWidths(
            pairs=tuple(by_head[0]),
            extra=tuple(map(int, extra)),
            values=tuple(by_head[1]),
            intermediate=len(self.intermediate),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredLayer:
    """A cut layer as config.json describes it."""

    widths: LayerWidths
    rows: LayerRows

    def stored(self, component: str, shape: EncoderShape) -> np.ndarray:
        """Return the original indices of a component's neurons, shape (neurons,); extra key rows are not neurons."""
        if component in ("query", "key"):
            return self.rows.pairs
        if component in ("value", "intermediate"):
            return self.rows.values if component == "value" else self.rows.intermediate
        return np.arange(shape.width(component))

    def extra_slots(self, shape: EncoderShape) -> np.ndarray:
        """Return a dimension for each extra key row, in its own head and of no stored pair: the first free one."""
        free = np.ones(shape.heads * shape.head_size, dtype=bool)
        free[self.rows.pairs] = False
        first = free.reshape(shape.heads, shape.head_size).argmax(axis=1) + np.arange(shape.heads) * shape.head_size
        return first[np.array(self.widths.extra, dtype=bool)]

    def marked(self, earlier: StoredLayer) -> StoredLayer:
        """Carry on the marks of rows that an earlier cut mixed."""
        past = np.zeros(
            int(max(earlier.rows.pairs.max(initial=-1), self.rows.pairs.max(initial=-1))) + 1, dtype=np.int64
        )
        past[earlier.rows.pairs] = earlier.rows.mixed
        mixed = np.where(self.rows.mixed > 0, self.rows.mixed, past[self.rows.pairs])
        return replace(self, rows=replace(self.rows, mixed=mixed))


def widths_of(layers: Sequence[StoredLayer | None]) -> list[LayerWidths | None]:
    """Return the widths alone, layer 1 first."""
    return [None if layer is None else layer.widths for layer in layers]


def original_widths(shape: EncoderShape) -> LayerWidths:
    """Return the widths of an uncut layer."""
    full = (shape.head_size,) * shape.heads
    return LayerWidths(pairs=full, extra=(0,) * shape.heads, values=full, intermediate=shape.intermediate)


def stored_shapes(widths: LayerWidths, shape: EncoderShape) -> dict[str, tuple[int, ...]]:
    """List the tensors of a cut layer by component and part: `query.weight`, `key.extra`, `output.bias`, …

    LayerNorms are not listed: no cut touches them.
    """
    pairs, extra, values = sum(widths.pairs), sum(widths.extra), sum(widths.values)
    hidden, middle = shape.hidden, widths.intermediate
    shapes: dict[str, tuple[int, ...]] = {
        "query.weight": (pairs, hidden),
        "query.bias": (pairs,),
        "key.weight": (pairs, hidden),
        "key.bias": (pairs,),
        "value.weight": (values, hidden),
        "value.bias": (values,),
        "attention_output.weight": (hidden, values),
        "attention_output.bias": (hidden,),
        "intermediate.weight": (middle, hidden),
        "intermediate.bias": (middle,),
        "output.weight": (hidden, middle),
        "output.bias": (hidden,),
    }
    if extra:
        shapes["key.extra"] = (extra, hidden)
    return shapes


def compact_tensors(
    family: Family, config: Mapping[str, Any], widths: Sequence[LayerWidths | None]
) -> dict[str, tuple[int, ...]]:
    """List the tensors that a compressed encoder must have, relative to the base model, with their shapes."""
    shapes, shape = dict(family.tensors(config)), family.shape(config)
    for layer, row in enumerate(widths, start=1):
        for name, size in stored_shapes(row or original_widths(shape), shape).items():
            component, part = name.split(".")
            shapes[f"{family.linear(layer, component)}.{part}"] = size
    return shapes


def to_entry(layer: StoredLayer, shape: EncoderShape) -> dict[str, Any]:
    """Write a cut layer as config.json holds it.

    The numbers are widths. `rows` says which rows of the original they are: a bit each in hexadecimal digits, the
    first index first, filled up to whole bytes; `mixed` has a digit a pair and is absent where no row is mixed.
    """
    widths, rows = layer.widths, layer.rows
    sizes = {"pairs": shape.width("query"), "values": shape.width("value"), "intermediate": shape.intermediate}
    fields = {name: _to_hex(getattr(rows, name), size) for name, size in sizes.items()}
    if rows.mixed.any():
        fields["mixed"] = "".join(map(str, rows.mixed.tolist()))
    return {
        "pairs": list(widths.pairs),
        "extra": list(widths.extra),
        "values": list(widths.values),
        "intermediate": widths.intermediate,
        "rows": fields,
    }


def read_entries(value: object, shape: EncoderShape) -> list[StoredLayer | None]:
    """Check the `widths` of an untrusted config.json; None is an uncut layer.

    Raises:
        ConfigError: an impossible width, or rows that do not add up to the widths; names layer and field.
    """
    if not isinstance(value, list) or len(value) != shape.layers:
        raise ConfigError(f"config.json: widths must list {shape.layers} layers.")
    return [None if row is None else _read_entry(row, layer, shape) for layer, row in enumerate(value, start=1)]


def _read_entry(row: object, layer: int, shape: EncoderShape) -> StoredLayer:
    where = f"config.json: widths of layer {layer}"
    if not isinstance(row, dict) or set(row) != {"pairs", "extra", "values", "intermediate", "rows"}:
        raise ConfigError(f"{where} must have pairs, extra, values, intermediate and rows.")
    results: dict[str, tuple[int, ...]] = {}
    for name, high in (("pairs", shape.head_size), ("extra", 1), ("values", shape.head_size)):
        entry = row[name]
        if not isinstance(entry, list) or len(entry) != shape.heads:
            raise ConfigError(f"{where}: {name} must list {shape.heads} heads.")
        if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= high for n in entry):
            raise ConfigError(f"{where}: {name} must be whole numbers from 0 to {high}.")
        results[name] = tuple(entry)
    if any(pairs + extra > shape.head_size for pairs, extra in zip(results["pairs"], results["extra"], strict=True)):
        raise ConfigError(f"{where}: a head has more key rows than its original {shape.head_size}.")
    middle = row["intermediate"]
    if not isinstance(middle, int) or isinstance(middle, bool) or not 0 <= middle <= shape.intermediate:
        raise ConfigError(f"{where}: intermediate must be a whole number from 0 to {shape.intermediate}.")
    widths = LayerWidths(pairs=results["pairs"], extra=results["extra"], values=results["values"], intermediate=middle)
    rows = _read_rows(row["rows"], where, shape)
    if rows.widths(widths.extra, shape) != widths:
        raise ConfigError(f"{where}: rows names other numbers of rows than the widths.")
    return StoredLayer(widths=widths, rows=rows)


def _read_rows(value: object, where: str, shape: EncoderShape) -> LayerRows:
    if not isinstance(value, dict) or not {"pairs", "values", "intermediate"} <= set(value) <= {
        "pairs",
        "values",
        "intermediate",
        "mixed",
    }:
        raise ConfigError(f"{where}: rows must have pairs, values and intermediate.")
    sizes = {"pairs": shape.width("query"), "values": shape.width("value"), "intermediate": shape.intermediate}
    results = {name: _from_hex(value[name], size, f"{where}: rows.{name}") for name, size in sizes.items()}
    mixed = value.get("mixed", "0" * len(results["pairs"]))
    if not isinstance(mixed, str) or len(mixed) != len(results["pairs"]) or not set(mixed) <= set("012"):
        raise ConfigError(f"{where}: rows.mixed is {shorten(mixed)!r}; expected a digit 0, 1 or 2 for each pair.")
    return LayerRows(mixed=np.array([int(digit) for digit in mixed], dtype=np.int64), **results)


def _to_hex(rows: np.ndarray, size: int) -> str:
    bits = np.zeros(size, dtype=np.uint8)
    bits[rows] = 1
    return np.packbits(bits).tobytes().hex()


def _from_hex(value: object, size: int, where: str) -> np.ndarray:
    digits = 2 * -(-size // 8)
    if not isinstance(value, str) or len(value) != digits or not set(value) <= set("0123456789abcdef"):
        raise ConfigError(f"{where} is {shorten(value)!r}; expected {digits} hexadecimal digits.")
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(value), dtype=np.uint8))
    if bits[size:].any():
        raise ConfigError(f"{where} names rows beyond the original's {size}.")
    return np.flatnonzero(bits[:size])
