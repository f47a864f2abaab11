"""Add neurons back to a cut layer until its widths suit the hardware, the highest criterion first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from obce_core.architectures.stored import LayerWidths
from obce_core.plan.hardware import Hardware

Masks = dict[str, np.ndarray]
"""Kept neurons of `query`, `key`, `value`, `intermediate`, booleans of shape (neurons,)."""
Widths = Callable[[Mapping[str, np.ndarray]], LayerWidths]
_WIDTHS: dict[tuple[str, ...], Callable[[LayerWidths], np.ndarray]] = {
    ("query", "key"): lambda widths: np.add(widths.pairs, widths.extra),
    ("value",): lambda widths: np.array(widths.values),
    ("intermediate",): lambda widths: np.array([widths.intermediate]),
}
"""Components that are widened together, and their stored width by block: a head, or the whole intermediate layer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerToWiden:
    """A cut layer: its kept neurons, what may come back, and how it is counted.

    `scores` and `barred` have an entry a neuron, like `masks`; a barred neuron (dropped by hand) stays out. `widths`
    counts what is stored of a layer with given masks, `limits` is what the layer stores when nothing is cut.
    """

    layer: int
    masks: Mapping[str, np.ndarray]
    scores: Mapping[str, np.ndarray]
    barred: Mapping[str, np.ndarray]
    widths: Widths
    limits: LayerWidths


def widen(layer: LayerToWiden, hardware: Hardware) -> tuple[Masks, list[str]]:
    """Return the masks of a layer with neurons added back, and in words what could not be reached.

    First `per_head` raises every head to the widest one's count of query/key rows (pairs and extra row) and of values;
    then `round_to` raises each of these and the intermediate rows to the next multiple, at most to the width before the
    cut. Only components that are cut are touched, and a block that cannot reach its width is left as it is.

    A query/key row comes back as a dimension: the query, the key, or both, whichever is missing. Dimensions are taken
    by the sum of the ranks of their query and their key (the number of neurons of the cell that score lower), other
    neurons by their own rank; between equals the lower index first. A query that comes back may make the extra row
    needless, so rows are counted again until the width is there.
    """
    masks = {name: mask.copy() for name, mask in layer.masks.items()}
    notes: list[str] = []
    for names, width in _WIDTHS.items():
        if all(layer.masks[name].all() for name in names):
            continue
        told: list[str] = []
        if hardware.per_head and names != ("intermediate",):
            now = width(layer.widths(masks))
            told += _fill(layer, masks, names, np.full_like(now, now.max()), now)
        if hardware.round_to:
            now = width(layer.widths(masks))
            told += _fill(
                layer,
                masks,
                names,
                np.minimum(-(-now // hardware.round_to) * hardware.round_to, width(layer.limits)),
                now,
            )
        rows = width(layer.widths(masks)).tolist()
        if hardware.per_head and len(set(rows)) > 1 and not told:
            told.append(
                f"Layer {layer.layer} {' and '.join(names)}: heads of {min(rows)} to {max(rows)} rows; more cannot be "
                "reached, "
                "since an earlier cut left them unequal."
            )
        notes += told
    return masks, notes


def _fill(layer: LayerToWiden, masks: Masks, names: tuple[str, ...], goals: np.ndarray, now: np.ndarray) -> list[str]:
    """Add dimensions to `masks` until every block is as wide as its goal, shape (blocks,); say which cannot be."""
    missing = ~np.logical_and.reduce([masks[name] for name in names])
    barred = np.logical_or.reduce([layer.barred[name] & ~masks[name] for name in names])
    free = (missing & ~barred).reshape(len(goals), -1)  # (blocks, dimensions)
    rank = sum(np.searchsorted(np.sort(layer.scores[name]), layer.scores[name]) for name in names)
    order = np.argsort(-np.reshape(rank, free.shape), axis=1, kind="stable")

    def width(found: Mapping[str, np.ndarray]) -> np.ndarray:
        return _WIDTHS[names](layer.widths(found))

    most = width({**masks, **{name: masks[name] | free.ravel() for name in names}})
    reachable = np.where(most >= goals, goals, 0)
    while True:
        # No dimension adds more than one row, so that as many as rows are missing never go too far.
        need = (reachable - width(masks))[:, None]
        open_ = np.take_along_axis(free, order, axis=1)
        mask = np.zeros_like(free)
        np.put_along_axis(mask, order, open_ & (open_.cumsum(axis=1) <= need), axis=1)
        if not mask.any():
            break
        free &= ~mask
        for name in names:
            masks[name] |= mask.ravel()
    return [
        _note(layer.layer, names, block, now.tolist()[block], goals.tolist()[block])
        for block in np.flatnonzero(most < goals).tolist()
    ]


def _note(layer: int, names: tuple[str, ...], block: int, now: int, goal: int) -> str:
    where = " and ".join(names) + ("" if names == ("intermediate",) else f", head {block}")
    return (
        f"Layer {layer} {where}: {goal} rows cannot be reached (it keeps {now}): what is missing is dropped by "
        "hand or was cut before."
    )
