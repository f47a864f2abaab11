"""Differences between two plans of one analysis, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.plan.plan import Plan


@dataclass(frozen=True, kw_only=True, eq=False)
class CellDifference:
    """A cell in which two plans keep different neurons, each named by its original index.

    `kept` counts what the first and the second keep of the cell's `neurons`, `percentiles` are those of their intents
    (0: none). `only_first_cuts` are the neurons that the second keeps, `only_second_cuts` those that the first keeps.
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
