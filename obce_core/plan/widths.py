"""How wide every part of a layer is once a plan is folded in: the one rule that counting and cutting share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import LayerRows, LayerWidths, StoredLayer


def before(
    layer: StoredLayer | None, masks: Mapping[str, np.ndarray], query_constants: np.ndarray, shape: EncoderShape
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Add to a layer's masks and query constants what an earlier cut left of it, in the stock shapes (see `dense_state`).

    Neurons that are gone stay gone. An extra key row is a key that is kept, in a dimension whose query is the constant 1.
    """
    if layer is None:
        return dict(masks), query_constants
    found = {}
    for name, mask in masks.items():
        there = np.zeros(len(mask), dtype=bool)
        there[layer.stored(name, shape)] = True
        found[name] = mask & there
    constants = np.where(masks["query"], 0.0, query_constants)
    slots = layer.extra_slots(shape)
    found["key"][slots], constants[slots] = True, 1.0
    return found, constants


def stored_layer(masks: Mapping[str, np.ndarray], query_constants: np.ndarray, shape: EncoderShape) -> StoredLayer:
    """Say what stays of a layer after exact folding.

    Args:
        masks: kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,).
        query_constants: the constant of every query neuron, shape (query neurons,); zero makes no extra row.
    """
    query, key = masks["query"], masks["key"]
    lonely = ~query & key & (query_constants != 0.0)  # key kept, query a constant: a bias on every key
    pairs = np.flatnonzero(query & key)
    rows = LayerRows(
        pairs=pairs, mixed=np.zeros_like(pairs), values=np.flatnonzero(masks["value"]), intermediate=np.flatnonzero(masks["intermediate"])
    )
    return StoredLayer(widths=rows.widths(lonely.reshape(shape.heads, shape.head_size).any(axis=1), shape), rows=rows)


def layer_widths(masks: Mapping[str, np.ndarray], query_constants: np.ndarray, shape: EncoderShape) -> LayerWidths:
    """Count what stays of a layer after exact folding (see `stored_layer`)."""
    return stored_layer(masks, query_constants, shape).widths
