"""The stored widths of a layer after folding, and how they are rounded up for the hardware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import LayerRows, LayerWidths, StoredLayer, original_widths
from obce_core.plan.spec import Compensation, Hardware


def before(
    layer: StoredLayer | None, masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Combine a layer's masks and query constants with those of an earlier cut, in stock shapes (see `dense_state`).

    Neurons that were cut before stay cut. An extra key row becomes a kept key in a dimension whose query is the
    constant 1.
    """
    if layer is None:
        return dict(masks), query_constants
    combined = {}
    for name, mask in masks.items():
        stored = np.zeros(len(mask), dtype=bool)
        stored[layer.stored(name, shape)] = True
        combined[name] = mask & stored
    slots = layer.extra_slots(shape)
    combined["key"][slots] = True
    if query_constants is None:
        return combined, None
    constants = np.where(combined["query"] | ~masks["query"], query_constants, 0.0)
    constants[slots] = 1.0
    return combined, constants


def stored_layer(
    masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape
) -> StoredLayer:
    """Return the rows that a layer stores after exact folding.

    With constants, a pair is stored if its query and its key are both kept. With predictions (least-squares), the
    scores of a head are a product of its kept queries and kept keys, whichever these are. Then the number of stored
    pairs is the smaller of the two counts, and the pairs take the indices of that side. There is an extra key row if
    there are more keys than queries.

    Args:
        masks: kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,).
        query_constants: the constant of every query neuron, shape (query neurons,); zero needs no extra row. None:
            removed neurons are predicted.
    """
    heads = (shape.heads, shape.head_size)
    query, key = masks["query"].reshape(heads), masks["key"].reshape(heads)
    if query_constants is None:
        queries, keys = query.sum(axis=1, keepdims=True), key.sum(axis=1, keepdims=True)  # (heads, 1)
        by_key = keys <= queries
        pairs = np.where(by_key, key, query)
        extra = ~by_key[:, 0]
        mark = np.where(by_key, np.where(keys == shape.head_size, 0, 1), 2)  # all keys kept: all queries are too
        mixed = np.broadcast_to(mark, heads)[pairs]
    else:
        pairs = query & key
        # a constant query is a bias on every key
        extra = (~query & key & (query_constants.reshape(heads) != 0.0)).any(axis=1)
        mixed = np.zeros(int(pairs.sum()), dtype=np.int64)
    rows = LayerRows(
        pairs=np.flatnonzero(pairs.ravel()),
        mixed=mixed.astype(np.int64),
        values=np.flatnonzero(masks["value"]),
        intermediate=np.flatnonzero(masks["intermediate"]),
    )
    return StoredLayer(widths=rows.widths(extra.astype(int).tolist(), shape), rows=rows)


def layer_widths(
    masks: Mapping[str, np.ndarray], query_constants: np.ndarray | None, shape: EncoderShape
) -> LayerWidths:
    """Return the widths of a layer after exact folding (see `stored_layer`)."""
    return stored_layer(masks, query_constants, shape).widths


def cut_widths(
    analysis: Analysis, compensation: Compensation, layer: int, masks: Mapping[str, np.ndarray]
) -> LayerWidths:
    """Return the widths of a layer of an analysed model after folding, earlier cuts included (see `before`)."""
    constants = None
    if not compensation.predicts:
        constants = np.zeros(analysis.shape.width("query"))
        constants[analysis.neurons(layer, "query")] = compensation.constants(analysis.cell(layer, "query"))
    earlier = analysis.layers[layer - 1] if analysis.layers else None
    return layer_widths(*before(earlier, masks, constants, analysis.shape), analysis.shape)


def stored_widths(analysis: Analysis, layer: int) -> LayerWidths:
    """Return the widths of a layer of the analysed model: the original's unless an earlier cut changed them."""
    earlier = analysis.layers[layer - 1] if analysis.layers else None
    return original_widths(analysis.shape) if earlier is None else earlier.widths


Masks = dict[str, np.ndarray]
"""Kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,)."""
Widths = Callable[[Mapping[str, np.ndarray]], LayerWidths]
_WIDTHS: dict[tuple[str, ...], Callable[[LayerWidths], np.ndarray]] = {
    ("query", "key"): lambda widths: np.add(widths.pairs, widths.extra),
    ("value",): lambda widths: np.array(widths.values),
    ("intermediate",): lambda widths: np.array([widths.intermediate]),
}
"""Components that are widened together, and their stored widths by block (a head, or the whole intermediate layer)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerToWiden:
    """A cut layer to which neurons may be added back.

    `masks` are its kept neurons. `scores` and `barred` have one entry for each neuron, like `masks`; a barred neuron
    (one that a manual override drops) is never added back. `widths` computes the stored widths for given masks,
    `limits` are the widths if nothing is cut.
    """

    layer: int
    masks: Mapping[str, np.ndarray]
    scores: Mapping[str, np.ndarray]
    barred: Mapping[str, np.ndarray]
    widths: Widths
    limits: LayerWidths


def widen(layer: LayerToWiden, hardware: Hardware) -> tuple[Masks, list[str]]:
    """Return the masks of a layer with neurons added back, and a note for each width that could not be reached.

    First `per_head` raises every head to the widest head's number of query/key rows (pairs and extra row) and values.
    Then `round_to` raises each of these and the intermediate rows to the next multiple, at most to the width before the
    cut. Only components that are cut change, and a block that cannot reach its width is left as it is.

    A query/key row is added back as a dimension: the query, the key, or both, whichever is missing. Dimensions are
    added in order of the sum of the ranks of their query and key, the highest first (a rank is the number of neurons
    of the cell that score lower), other neurons in order of their own rank. Ties go to the lower index. Adding a query
    may make the extra row unnecessary, so rows are counted again until the width is reached.
    """
    masks = {name: mask.copy() for name, mask in layer.masks.items()}
    notes: list[str] = []
    for names, width in _WIDTHS.items():
        if all(layer.masks[name].all() for name in names):
            continue
        messages: list[str] = []
        if hardware.per_head and names != ("intermediate",):
            now = width(layer.widths(masks))
            messages += _fill(layer, masks, names, np.full_like(now, now.max()), now)
        if hardware.round_to:
            now = width(layer.widths(masks))
            goals = np.minimum(-(-now // hardware.round_to) * hardware.round_to, width(layer.limits))
            messages += _fill(layer, masks, names, goals, now)
        rows = width(layer.widths(masks)).tolist()
        if hardware.per_head and len(set(rows)) > 1 and not messages:
            messages.append(
                f"Layer {layer.layer} {' and '.join(names)}: the heads keep {min(rows)} to {max(rows)} rows; "
                "they cannot be made equal after an earlier cut."
            )
        notes += messages
    return masks, notes


def _fill(layer: LayerToWiden, masks: Masks, names: tuple[str, ...], goals: np.ndarray, now: np.ndarray) -> list[str]:
    """Add dimensions to `masks` until every block is as wide as its goal, shape (blocks,).

    Returns:
        A note for each block that cannot be.
    """
    missing = ~np.logical_and.reduce([masks[name] for name in names])
    barred = np.logical_or.reduce([layer.barred[name] & ~masks[name] for name in names])
    free = (missing & ~barred).reshape(len(goals), -1)  # (blocks, dimensions)
    rank = sum(np.searchsorted(np.sort(layer.scores[name]), layer.scores[name]) for name in names)
    order = np.argsort(-np.reshape(rank, free.shape), axis=1, kind="stable")

    def width(trial: Mapping[str, np.ndarray]) -> np.ndarray:
        return _WIDTHS[names](layer.widths(trial))

    most = width({**masks, **{name: masks[name] | free.ravel() for name in names}})
    reachable = np.where(most >= goals, goals, 0)
    while True:
        # A dimension adds at most one row, so adding one for each missing row cannot exceed the goal.
        need = (reachable - width(masks))[:, None]
        open_ = np.take_along_axis(free, order, axis=1)
        additions = np.zeros_like(free)
        np.put_along_axis(additions, order, open_ & (open_.cumsum(axis=1) <= need), axis=1)
        if not additions.any():
            break
        free &= ~additions
        for name in names:
            masks[name] |= additions.ravel()
    return [
        _note(layer.layer, names, block, now.tolist()[block], goals.tolist()[block])
        for block in np.flatnonzero(most < goals).tolist()
    ]


def _note(layer: int, names: tuple[str, ...], block: int, now: int, goal: int) -> str:
    where = " and ".join(names) + ("" if names == ("intermediate",) else f", head {block}")
    return (
        f"Layer {layer} {where}: {goal} rows cannot be reached (it keeps {now}); "
        "the missing neurons are dropped by a manual override or were cut before."
    )
