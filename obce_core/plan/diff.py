"""What two plans cut differently, and the status of one neuron under a plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE, LOCKED
from obce_core.plan.plan import Plan
from obce_core.plan.spec import choice_of


@dataclass(frozen=True, kw_only=True, eq=False)
class CellDifference:
    """A cell in which two plans keep different neurons, each named by its original index.

    `kept` counts what the first and the second keep of the cell's `neurons`, `percentiles` are those of their intents (0:
    none). `only_first_cuts` are the neurons that the second keeps, `only_second_cuts` those that the first keeps.
    """

    layer: int
    component: str
    neurons: int
    kept: tuple[int, int]
    percentiles: tuple[float, float]
    only_first_cuts: np.ndarray  # (neurons,)
    only_second_cuts: np.ndarray  # (neurons,)


def compare_plans(analysis: Analysis, first: Plan, second: Plan) -> list[CellDifference]:
    """List the cells in which two plans keep different neurons, by layer and component."""
    found = []
    for layer in range(1, analysis.shape.layers + 1):
        for component in CUTTABLE:
            a, b = (plan.mask(layer, component, analysis.shape) for plan in (first, second))
            if np.array_equal(a, b):
                continue
            width = analysis.width(layer, component)
            found.append(
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
    return found


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`state`: locked, kept, cut, kept by hand, dropped by hand, or kept for the hardware.

    `percentile` is that of the cell (0: untouched), `threshold` the score up to which it cuts by `criterion` (None when
    the cell is untouched), `reason` what was written when it was chosen by hand.
    """

    state: str
    percentile: float = 0.0
    threshold: float | None = None
    criterion: str = "r_f"
    reason: str = ""


def verdict(analysis: Analysis, plan: Plan, layer: int, component: str, neuron: int) -> Verdict:
    """Say what a plan of this analysis does with a neuron, named by its original index.

    Raises:
        AnalysisError: no such layer or neuron.
    """
    at = analysis.position(layer, component, neuron)
    if component in LOCKED:
        return Verdict(state="locked")
    prune_spec = plan.prune_spec
    percentile, threshold = prune_spec.percentile(layer, component), None
    above = True
    if percentile:
        scores = np.asarray(
            analysis.scores(layer, component, prune_spec.criterion, seed=prune_spec.seed), dtype=np.float64
        )
        threshold = float(np.percentile(scores, percentile, method="linear"))
        above = bool(scores[at] > threshold)
    choice = choice_of(prune_spec, layer, component, neuron)
    kept = bool(plan.mask(layer, component, analysis.shape)[neuron])
    if choice is not None and kept == (choice.side == "keep"):
        state = "kept by hand" if kept else "dropped by hand"
    elif kept and (not above or choice is not None):
        state = "kept for the hardware"
    else:
        state = "kept" if kept else "cut"
    return Verdict(
        state=state,
        percentile=percentile,
        threshold=threshold,
        criterion=prune_spec.criterion,
        reason="" if choice is None else choice.reason,
    )
