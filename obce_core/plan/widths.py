"""How wide every part of a layer is once a plan is folded in: the one rule that counting and cutting share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from obce_core.architectures import EncoderShape


@dataclass(frozen=True, kw_only=True)
class LayerWidths:
    """Stored widths of a cut layer.

    For each head: `pairs` (stored query/key dimensions), `extra` (1 where what the removed queries leave of themselves
    folds into one more key row), `values`. For the layer: `intermediate`.
    """

    pairs: tuple[int, ...]
    extra: tuple[int, ...]
    values: tuple[int, ...]
    intermediate: int


def layer_widths(masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape) -> LayerWidths:
    """Count what stays of a layer after exact folding.

    With constants a pair stays where query and key are both kept. With predictions (least-squares) the scores of a head
    are a product of its kept queries and kept keys, whichever these are: as many pairs stay as the fewer of the two, and
    an extra key row where the keys are more.

    Args:
        masks: kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,).
        query_constants: the constant of every query neuron, shape (query neurons,); zero makes no extra row. None:
            removed neurons are predicted.
    """
    heads = (shape.heads, shape.head_size)
    query, key = masks["query"].reshape(heads), masks["key"].reshape(heads)
    if query_constants is None:
        queries, keys = query.sum(axis=1), key.sum(axis=1)
        pairs, extra = np.minimum(queries, keys), keys > queries
    else:
        lonely = ~query & key & (query_constants.reshape(heads) != 0.0)  # key kept, query a constant: a bias on every key
        pairs, extra = (query & key).sum(axis=1), lonely.any(axis=1)
    return LayerWidths(
        pairs=tuple(pairs.tolist()),
        extra=tuple(extra.astype(int).tolist()),
        values=tuple(masks["value"].reshape(heads).sum(axis=1).tolist()),
        intermediate=int(masks["intermediate"].sum()),
    )


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
    found: dict[str, tuple[int, ...]] = {
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
        found["key.extra"] = (extra, hidden)
    return found
