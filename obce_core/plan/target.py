"""Find the smallest uniform percentile whose plan fits a target size."""

from __future__ import annotations

from functools import cache
from typing import Literal

from obce_core.analysis.analysis import Analysis
from obce_core.errors import PlanError
from obce_core.plan.plan import resolve
from obce_core.plan.presets import uniform
from obce_core.plan.size import count, plan_widths
from obce_core.plan.spec import PruneSpec

STEPS = 999
"""Percentiles 0.1, 0.2, … 99.9."""


def reach(analysis: Analysis, base: PruneSpec, share: float, of: Literal["encoder", "model"]) -> PruneSpec:
    """Return the uniform intent with the smallest percentile (steps of 0.1) that leaves at most `share` of the
    parameters.

    Parameters are counted after folding with the intent's compensation. Without the extra key rows the count falls
    with the percentile, so a bisection finds where it first could fit; from there each step is tried in turn.

    Raises:
        PlanError: `share` is not between 0 and 1, or lies below what can be reached; the message names the floor.
    """
    option = "--target-encoder" if of == "encoder" else "--target-params"
    if not 0 < share < 1:
        raise PlanError(f"{option} is {share:g}; a share lies strictly between 0 and 1.")
    hidden = analysis.shape.hidden

    @cache
    def left(step: int) -> tuple[float, float]:
        """Return (share left, share left without extra key rows) at percentile step / 10."""
        plan = resolve(analysis, uniform(step / 10, analysis.shape.layers, base))
        budget = count(analysis, plan)
        whole = budget.encoder if of == "encoder" else budget.parameters
        kept = budget.encoder_left if of == "encoder" else budget.parameters_left
        extra = hidden * sum(sum(row.extra) for row in plan_widths(analysis, plan))
        return kept / whole, (kept - extra) / whole

    low, high = 1, STEPS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle)[1] <= share else (middle + 1, high)
    for step in range(low, STEPS + 1):
        if left(step)[0] <= share:
            return uniform(step / 10, analysis.shape.layers, base)
    floor = best = left(STEPS)[0]
    for step in range(STEPS - 1, 0, -1):
        if left(step)[1] >= best:
            break
        floor = best = min(best, left(step)[0])
    raise PlanError(
        f"{option} {share:g} cannot be reached by cutting from layer {base.first_layer}: the floor is {floor:.3f}.",
        hint="Choose a larger share or an earlier --first-layer.",
    )
