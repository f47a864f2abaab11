"""Fold a plan's constants into the weights that stay: the cut layer is the same function as the masked one.

Four facts carry it (DESIGN of the paper's method, here made exact):

- an intermediate neuron that is a constant adds its column of the next map, times the constant, to the next bias;
- attention weights sum to one, so a constant value passes through attention and does the same to the output bias;
- a query/key pair with a constant key, or with both constant, adds the same number to every key of a query, which the
  softmax does not see: both rows go;
- a constant query with a live key is a bias on every key: all such dimensions of a head sum to one extra key row, met
  by a query that is always 1. Its own bias would again be the same for every key, so it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import StoredLayer
from obce_core.plan.widths import stored_layer

Weights = Mapping[str, np.ndarray]
"""The tensors of a layer's linear maps by component and part: `query.weight`, `output.bias`, …; float64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldedLayer:
    """A cut layer: its stored tensors (see `stored_shapes`), and which rows of the original these are."""

    tensors: dict[str, np.ndarray]
    stored: StoredLayer


def fold_layer(
    weights: Weights, masks: Mapping[str, np.ndarray], constants: Mapping[str, np.ndarray], shape: EncoderShape
) -> FoldedLayer:
    """Fold one layer.

    Args:
        weights: the original linear maps, float64; `*.weight` has shape (outputs, inputs), `*.bias` (outputs,).
        masks: kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,).
        constants: the constant of every neuron of those components, float64, shape (neurons,).
        shape: the widths of the uncut encoder.
    """
    query, key, value, middle = (masks[name] for name in ("query", "key", "value", "intermediate"))
    pairs = query & key
    out, back = weights["attention_output.weight"], weights["output.weight"]  # (hidden, inputs)
    tensors = {
        "query.weight": weights["query.weight"][pairs],
        "query.bias": weights["query.bias"][pairs],
        "key.weight": weights["key.weight"][pairs],
        "key.bias": weights["key.bias"][pairs],
        "value.weight": weights["value.weight"][value],
        "value.bias": weights["value.bias"][value],
        "attention_output.weight": out[:, value],
        "attention_output.bias": weights["attention_output.bias"] + out[:, ~value] @ constants["value"][~value],
        "intermediate.weight": weights["intermediate.weight"][middle],
        "intermediate.bias": weights["intermediate.bias"][middle],
        "output.weight": back[:, middle],
        "output.bias": weights["output.bias"] + back[:, ~middle] @ constants["intermediate"][~middle],
    }
    stored = stored_layer(masks, constants["query"], shape)
    extra = np.array(stored.widths.extra, dtype=bool)
    lonely = np.where(~query & key, constants["query"], 0.0)  # (neurons,)
    rows = lonely.reshape(shape.heads, 1, shape.head_size) @ weights["key.weight"].reshape(
        shape.heads, shape.head_size, shape.hidden
    )  # (heads, 1, hidden)
    if extra.any():
        tensors["key.extra"] = rows[extra, 0]
    return FoldedLayer(tensors=tensors, stored=stored)
