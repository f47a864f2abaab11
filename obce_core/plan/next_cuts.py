"""The next percentile for each cell, and the parameters that it would save."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE, Cell
from obce_core.errors import PlanError
from obce_core.plan.plan import Plan, of_layer, resolve
from obce_core.plan.size import layer_parameters
from obce_core.plan.spec import PruneSpec
from obce_core.plan.widths import cut_widths, stored_widths

STEPS = (30.0, 50.0, 70.0, 90.0)
"""The paper's percentiles, and 90."""

_LINKED: tuple[tuple[str, ...], ...] = (("query", "key"), ("value",), ("intermediate",))


@dataclass(frozen=True, kw_only=True, eq=False)
class NextCut:
    """One cell (query and key together where they are linked) raised to the next percentile.

    `before` is the lowest percentile of the cells now; cells below `after` are raised to it. `changes` holds the new
    percentiles, `saved` the number of parameters saved. `now` and `then` are the plans of the layer alone.
    """

    layer: int
    components: tuple[str, ...]
    before: float
    after: float
    changes: Mapping[Cell, float]
    saved: int
    now: Plan
    then: Plan

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple((self.layer, name) for name in self.components)


def next_cuts(
    analysis: Analysis, prune_spec: PruneSpec, *, linked: bool, layers: Iterable[int] | None = None
) -> list[NextCut]:
    """List the next step of every cell that saves parameters, by layer and component; `layers` None means all.

    Cells whose neurons are all equal have no next step, and steps that would keep no neuron are omitted.
    """
    cuts = []
    for layer in range(1, analysis.shape.layers + 1) if layers is None else layers:
        base = of_layer(prune_spec, layer)
        try:
            now = resolve(analysis, base)
        except PlanError:
            continue
        left = _left(analysis, prune_spec, layer, now)
        for group in _LINKED if linked else [(name,) for name in CUTTABLE]:
            names = tuple(
                name
                for name in group
                if analysis.width(layer, name) and not analysis.degenerate(layer, name, prune_spec.criterion)
            )
            before = min((prune_spec.percentile(layer, name) for name in names), default=STEPS[-1])
            after = next((step for step in STEPS if step > before), None)
            if after is None:
                continue
            changes = {(layer, name): max(after, prune_spec.percentile(layer, name)) for name in names}
            try:
                then = resolve(analysis, base.with_cells(changes))
            except PlanError:
                continue
            saved = left - _left(analysis, prune_spec, layer, then)
            if saved > 0:
                cuts.append(
                    NextCut(
                        layer=layer,
                        components=names,
                        before=before,
                        after=after,
                        changes=changes,
                        saved=saved,
                        now=now,
                        then=then,
                    )
                )
    return cuts


def cheapest(cuts: Sequence[NextCut], lost: Sequence[float | None]) -> list[int]:
    """Return the indices of the cuts by loss per parameter saved, the lowest first and unmeasured ones (None) last."""
    prices = [np.inf if loss is None else loss / cut.saved for cut, loss in zip(cuts, lost, strict=True)]
    return sorted(range(len(cuts)), key=lambda index: (prices[index], cuts[index].layer, index))


def _left(analysis: Analysis, prune_spec: PruneSpec, layer: int, plan: Plan) -> int:
    if layer not in plan.kept:
        return layer_parameters(stored_widths(analysis, layer), analysis.shape)
    masks = {name: plan.mask(layer, name, analysis.shape) for name in CUTTABLE}
    return layer_parameters(cut_widths(analysis, prune_spec.compensation, layer, masks), analysis.shape)
