"""What two plans cut differently, and the status of one neuron under a plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE, LOCKED
from obce_core.plan.plan import Plan
from obce_core.plan.spec import override_of


@dataclass(frozen=True, kw_only=True, eq=False)
class CellDifference:
    """A cell in which two plans keep different neurons, each given by its original index.

    `kept` counts the neurons, out of `neurons`, that the first and the second plan keep. `percentiles` are those of
    their prune specs (0: none). `only_first_cuts` are cut by the first plan alone, `only_second_cuts` by the second
    alone.
    """

    layer: int
    component: str
    neurons: int
    kept: tuple[int, int]
    percentiles: tuple[float, float]
    only_first_cuts: np.ndarray  # (neurons,)
    only_second_cuts: np.ndarray  # (neurons,)


def plan_diff(analysis: Analysis, first: Plan, second: Plan) -> list[CellDifference]:
    """List the cells in which two plans keep different neurons, by layer and component."""
    differences = []
    for layer in range(1, analysis.shape.layers + 1):
        for component in CUTTABLE:
            a, b = (plan.mask(layer, component, analysis.shape) for plan in (first, second))
            if np.array_equal(a, b):
                continue
            width = analysis.width(layer, component)
            differences.append(
                CellDifference(
                    layer=layer,
                    component=component,
                    neurons=width,
                    kept=(width - first.cut(layer, component), width - second.cut(layer, component)),
                    percentiles=(
                        first.prune_spec.percentile(layer, component),
                        second.prune_spec.percentile(layer, component),
                    ),
                    only_first_cuts=np.flatnonzero(~a & b),
                    only_second_cuts=np.flatnonzero(a & ~b),
                )
            )
    return differences


@dataclass(frozen=True, kw_only=True)
class NeuronStatus:
    """The status of a neuron under a plan.

    `state` is one of: locked, kept, cut, kept by hand, dropped by hand, kept for the hardware.

    `percentile` is that of the cell (0: not cut). `threshold` is the score up to which it cuts by `criterion` (None if
    the cell has no percentile). `reason` is that of the manual override.
    """

    state: str
    percentile: float = 0.0
    threshold: float | None = None
    criterion: str = "r_f"
    reason: str = ""


def neuron_status(analysis: Analysis, plan: Plan, layer: int, component: str, neuron: int) -> NeuronStatus:
    """Return the status of a neuron, given by its original index, under a plan of this analysis.

    Raises:
        AnalysisError: the layer or neuron does not exist.
    """
    at = analysis.position(layer, component, neuron)
    if component in LOCKED:
        return NeuronStatus(state="locked")
    prune_spec = plan.prune_spec
    percentile, threshold = prune_spec.percentile(layer, component), None
    above = True
    if percentile:
        scores = np.asarray(
            analysis.scores(layer, component, prune_spec.criterion, seed=prune_spec.seed), dtype=np.float64
        )
        threshold = float(np.percentile(scores, percentile, method="linear"))
        above = bool(scores[at] > threshold)
    override = override_of(prune_spec, layer, component, neuron)
    kept = bool(plan.mask(layer, component, analysis.shape)[neuron])
    if override is not None and kept == (override.side == "keep"):
        state = "kept by hand" if kept else "dropped by hand"
    elif kept and (not above or override is not None):
        state = "kept for the hardware"
    else:
        state = "kept" if kept else "cut"
    return NeuronStatus(
        state=state,
        percentile=percentile,
        threshold=threshold,
        criterion=prune_spec.criterion,
        reason="" if override is None else override.reason,
    )
