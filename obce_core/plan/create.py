"""Create a plan from a percentile, a preset, a prune spec or a target size."""

from __future__ import annotations

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

STEPS = 999
"""Percentiles 0.1, 0.2, … 99.9."""


def reach(analysis: Analysis, base: PruneSpec, share: float, of: Literal["encoder", "model"]) -> PruneSpec:
    """Return the uniform intent with the smallest percentile (steps of 0.1) that leaves at most `share` of the parameters.

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
) -> Plan:
    """Decide which neurons are cut.

    Exactly one of these says how much:

    Args:
        percentile: one percentile for every component that can be cut, from `first_layer` (default 3) on.
        preset: `paper-bert-base`, `paper-bert-large` or `paper-scaled`; they bring their own first layer.
        intent: an `Intent`, or a file that holds one (a plan file's intent is read).
        target_encoder: the smallest uniform percentile that leaves at most this share of the encoder's parameters.
        target_params: the same of the whole model's parameters.

    and these what stands in the place of the removed:

        compensation: `mean+std` (the paper), `mean`, `zero`, or `least-squares`.
        compensation_tokens: `cls` (the paper) or `all`; None is `all` for least-squares and `cls` for the others.

    and these what is added back for the hardware, after everything else (see `widen`):

        round_to: 8 or 16 makes stored widths multiples of it; 0 leaves them.
        per_head: all heads of a layer become as wide as its widest.

    Raises:
        PlanError: more or less than one way is given, or the plan cannot be carried out (see `resolve`, `reach`).

    >>> plan = make_plan(analysis, percentile=50)                                      # doctest: +SKIP
    """
    source = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    given = [
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
    if len(given) != 1:
        ways = "--percentile, --preset, --from, --target-encoder, --target-params"
        raise PlanError(f"Give exactly one of {ways}; got {' and '.join(given) or 'none'}.")
    hardware = Hardware(round_to=round_to, per_head=per_head)
    if prune_spec is not None:
        told = prune_spec if isinstance(prune_spec, PruneSpec) else _read_prune_spec(prune_spec)
        return resolve(source, replace(told, hardware=told.hardware.joined(hardware)))
    if preset is not None and first_layer is not None:
        raise PlanError("A preset brings its own first layer; leave --first-layer out.")
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
        chosen, notes = apply_preset(preset, source, base)
    elif percentile is not None:
        chosen = uniform(percentile, source.shape.layers, base)
    elif target_encoder is not None:
        chosen = reach(source, base, target_encoder, "encoder")
    else:
        chosen = reach(source, base, cast(float, target_params), "model")
    plan = resolve(source, replace(chosen, hardware=hardware))
    missed = _missed(source, plan, target_encoder, target_params) if hardware.asked else ()
    return replace(plan, notes=(*notes, *plan.notes, *missed))


def _missed(
    analysis: Analysis, plan: Plan, target_encoder: float | None, target_params: float | None
) -> tuple[str, ...]:
    """Say so when a target was met by the percentile, and what the hardware's options added back goes beyond it."""
    size = count(analysis, plan)
    for option, target, left in (
        ("--target-encoder", target_encoder, size.encoder_share),
        ("--target-params", target_params, size.model_share),
    ):
        if target is not None and left > target:
            return (
                f"{option} {target:g} was met before the neurons added back for the hardware; with them {left:.3f} is left.",
            )
    return ()


def _read_prune_spec(path: str | Path) -> PruneSpec:
    document = load_document(path)
    return parse_prune_spec(document.get("intent", document), Path(path).name)
