"""Create a plan from a percentile, a preset, a prune spec or a target size."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal, cast

from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.errors import PlanError
from obce_core.plan.plan import Plan, resolve
from obce_core.plan.plan_file import load_document
from obce_core.plan.presets import preset as apply_preset
from obce_core.plan.presets import uniform
from obce_core.plan.serialize import parse_prune_spec
from obce_core.plan.size import count, plan_widths
from obce_core.plan.spec import Compensation, Hardware, PruneSpec, as_method

SEARCH_STEPS = 999
"""Number of percentiles that a search for a target size can return: 0.1, 0.2, … 99.9."""


def make_plan(
    analysis: Analysis | str | Path,
    *,
    percentile: float | None = None,
    preset: str | None = None,
    prune_spec: PruneSpec | str | Path | None = None,
    target_encoder: float | None = None,
    target_params: float | None = None,
    first_layer: int | None = None,
    criterion: str = "r_f",
    seed: int = 0,
    compensation: str = "mean+std",
    compensation_tokens: str | None = None,
    round_to: int = 0,
    per_head: bool = False,
    intent: PruneSpec | str | Path | None = None,
) -> Plan:
    """Select the neurons to cut.

    Exactly one of these arguments sets the amount:

    Args:
        percentile: one percentile for every component that can be cut, from `first_layer` (default 3) on.
        preset: `paper-bert-base`, `paper-bert-large` or `paper-scaled`; a preset sets its own first layer.
        prune_spec: a `PruneSpec`, or a file that contains one (of a plan file, its `intent` is read).
        target_encoder: the smallest uniform percentile that leaves at most this share of the encoder's parameters.
        target_params: the smallest uniform percentile that leaves at most this share of all parameters.

    These set what replaces the removed neurons:

        compensation: `mean+std` (the paper), `mean`, `zero`, or `least-squares`.
        compensation_tokens: `cls` (the paper) or `all`; None means `all` for least-squares and `cls` for the others.

    These add neurons back for the hardware, after everything else (see `widen`):

        round_to: 8 or 16 rounds the stored widths up to a multiple of it; 0 leaves them unchanged.
        per_head: make all heads of a layer as wide as its widest head.

    `intent` is the former name of `prune_spec`: deprecated, and removed in the next version.

    Raises:
        PlanError: no or more than one amount is given, or the plan cannot be resolved (see `resolve`, `reach`).

    >>> plan = make_plan(analysis, percentile=50)                                      # doctest: +SKIP
    """
    if intent is not None:
        warnings.warn("make_plan(intent=) is deprecated; use prune_spec=.", DeprecationWarning, stacklevel=2)
        if prune_spec is not None:
            raise PlanError("make_plan got both prune_spec and intent, its former name.", hint="Give prune_spec alone.")
        prune_spec = intent
    source = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    amounts = [
        name
        for name, value in (
            ("--percentile", percentile),
            ("--preset", preset),
            ("--from", prune_spec),
            ("--target-encoder", target_encoder),
            ("--target-params", target_params),
        )
        if value is not None
    ]
    if len(amounts) != 1:
        options = "--percentile, --preset, --from, --target-encoder, --target-params"
        raise PlanError(f"Give exactly one of {options}; got {' and '.join(amounts) or 'none'}.")
    hardware = Hardware(round_to=round_to, per_head=per_head)
    if prune_spec is not None:
        spec = prune_spec if isinstance(prune_spec, PruneSpec) else _read_prune_spec(prune_spec)
        return resolve(source, replace(spec, hardware=spec.hardware.joined(hardware)))
    if preset is not None and first_layer is not None:
        raise PlanError("A preset sets its own first layer; leave --first-layer out.")
    base = PruneSpec(
        criterion=criterion,
        seed=seed,
        first_layer=3 if first_layer is None else first_layer,
        compensation=Compensation(
            method=as_method(compensation), tokens=cast(Literal["cls", "all"] | None, compensation_tokens)
        ),
    )
    notes: tuple[str, ...] = ()
    if preset is not None:
        spec, notes = apply_preset(preset, source, base)
    elif percentile is not None:
        spec = uniform(percentile, source.shape.layers, base)
    elif target_encoder is not None:
        spec = reach(source, base, target_encoder, "encoder")
    else:
        spec = reach(source, base, cast(float, target_params), "model")
    plan = resolve(source, replace(spec, hardware=hardware))
    exceeded = _exceeded_target(source, plan, target_encoder, target_params) if hardware.is_set else ()
    return replace(plan, notes=(*notes, *plan.notes, *exceeded))


def reach(analysis: Analysis, base: PruneSpec, share: float, of: Literal["encoder", "model"]) -> PruneSpec:
    """Return the uniform prune spec with the smallest percentile (steps of 0.1) that leaves at most `share`.

    Parameters are counted after folding with the spec's compensation. Without the extra key rows the count never rises
    with the percentile, so a bisection finds the first step that could fit; from there each step is tried in turn.

    Raises:
        PlanError: `share` is not between 0 and 1, or below the smallest share possible; the message gives that floor.
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
        total = budget.encoder if of == "encoder" else budget.parameters
        remaining = budget.encoder_left if of == "encoder" else budget.parameters_left
        extra = hidden * sum(sum(row.extra) for row in plan_widths(analysis, plan))
        return remaining / total, (remaining - extra) / total

    low, high = 1, SEARCH_STEPS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle)[1] <= share else (middle + 1, high)
    for step in range(low, SEARCH_STEPS + 1):
        if left(step)[0] <= share:
            return uniform(step / 10, analysis.shape.layers, base)
    floor = best = left(SEARCH_STEPS)[0]
    for step in range(SEARCH_STEPS - 1, 0, -1):
        if left(step)[1] >= best:
            break
        floor = best = min(best, left(step)[0])
    raise PlanError(
        f"{option} {share:g} cannot be reached by cutting from layer {base.first_layer}: the floor is {floor:.3f}.",
        hint="Choose a larger share or an earlier --first-layer.",
    )


def _exceeded_target(
    analysis: Analysis, plan: Plan, target_encoder: float | None, target_params: float | None
) -> tuple[str, ...]:
    """Return a note if the neurons added back for the hardware make the model larger than its target."""
    size = count(analysis, plan)
    for option, target, left in (
        ("--target-encoder", target_encoder, size.encoder_share),
        ("--target-params", target_params, size.model_share),
    ):
        if target is not None and left > target:
            return (
                f"{option} {target:g} was met before neurons were added back for the hardware; "
                f"with them {left:.3f} is left.",
            )
    return ()


def _read_prune_spec(path: str | Path) -> PruneSpec:
    document = load_document(path)
    return parse_prune_spec(document.get("intent", document), Path(path).name)
