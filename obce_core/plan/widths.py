"""How wide every part of a layer is once a plan is folded in: the one rule that counting and cutting share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import LayerRows, LayerWidths, StoredLayer


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
