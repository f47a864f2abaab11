"""The widths of a layer after folding a plan: the single rule used for counting and cutting."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import LayerRows, LayerWidths, StoredLayer, original_widths
from obce_core.plan.spec import Compensation


def before(
    layer: StoredLayer | None, masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Add to a layer's masks and query constants what an earlier cut left of it, in the stock shapes (see
    `dense_state`).

    Neurons that are gone stay gone. An extra key row is a key that is kept, in a dimension whose query is the constant
    1.
    """
    if layer is None:
        return dict(masks), query_constants
    results = {}
    for name, mask in masks.items():
        there = np.zeros(len(mask), dtype=bool)
        there[layer.stored(name, shape)] = True
        results[name] = mask & there
    slots = layer.extra_slots(shape)
    results["key"][slots] = True
    if query_constants is None:
        return results, None
    constants = np.where(results["query"] | ~masks["query"], query_constants, 0.0)
    constants[slots] = 1.0
    return results, constants


def stored_layer(
    masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape
) -> StoredLayer:
    """Say what stays of a layer after exact folding.

    With constants a pair stays where query and key are both kept. With predictions (least-squares) the scores of a head
    are a product of its kept queries and kept keys, whichever these are: as many pairs stay as the fewer of the two, by
    whose indices they go, and an extra key row where the keys are more.

    Args:
        masks: kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,).
        query_constants: the constant of every query neuron, shape (query neurons,); zero makes no extra row. None:
            removed neurons are predicted.
    """
    heads = (shape.heads, shape.head_size)
    query, key = masks["query"].reshape(heads), masks["key"].reshape(heads)
    if query_constants is None:
        queries, keys = query.sum(axis=1, keepdims=True), key.sum(axis=1, keepdims=True)  # (heads, 1)
        by_key = keys <= queries
        stays = np.where(by_key, key, query)
        extra = ~by_key[:, 0]
        mark = np.where(by_key, np.where(keys == shape.head_size, 0, 1), 2)  # all keys kept: so are all queries
        mixed = np.broadcast_to(mark, heads)[stays]
    else:
        stays = query & key
        extra = (~query & key & (query_constants.reshape(heads) != 0.0)).any(
            axis=1
        )  # a constant query: a bias on every key
        mixed = np.zeros(int(stays.sum()), dtype=np.int64)
    rows = LayerRows(
        pairs=np.flatnonzero(stays.ravel()),
        mixed=mixed.astype(np.int64),
        values=np.flatnonzero(masks["value"]),
        intermediate=np.flatnonzero(masks["intermediate"]),
    )
    return StoredLayer(widths=rows.widths(extra.astype(int).tolist(), shape), rows=rows)


def layer_widths(
    masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape
) -> LayerWidths:
    """Count what stays of a layer after exact folding (see `stored_layer`)."""
    return stored_layer(masks, query_constants, shape).widths


def cut_widths(
    analysis: Analysis, compensation: Compensation, layer: int, masks: Mapping[str, np.ndarray]
) -> LayerWidths:
    """Count what stays of a layer of an analysed model, earlier cuts included (see `before`)."""
    constants = None
    if not compensation.predicts:
        constants = np.zeros(analysis.shape.width("query"))
        constants[analysis.neurons(layer, "query")] = compensation.constants(analysis.cell(layer, "query"))
    earlier = analysis.layers[layer - 1] if analysis.layers else None
    return layer_widths(*before(earlier, masks, constants, analysis.shape), analysis.shape)


def stored_widths(analysis: Analysis, layer: int) -> LayerWidths:
    """Return the widths of a layer of the analysed model: the original's, unless an earlier cut changed them."""
    earlier = analysis.layers[layer - 1] if analysis.layers else None
    return original_widths(analysis.shape) if earlier is None else earlier.widths
