"""The title, the lead sentence and the numbers of a neuron."""

from __future__ import annotations

from obce_core.analysis.analysis import Analysis
from obce_core.components import TITLES
from obce_core.criteria import criterion
from obce_core.criteria.rank import standing
from obce_core.formatting import amount, count, share
from obce_core.plan.diff import NeuronStatus, neuron_status
from obce_core.topology.sides import Sides
from pages._shared import cached, drafts, layout, state


def lead(source: Analysis, layer: int, component: str, neuron: int, gap: Sides | None) -> str:
    """Return a sentence on what the widest gap separates and how much depends on one text."""
    noun = "token" if source.meta["tokens"] == "all" else "text"
    size = len(cached.neuron(source.id, layer, component, neuron))
    head = source.shape.head_of(component, neuron)
    place = f" Head {head}, offset {neuron % source.shape.head_size}." if head is not None else ""
    if gap is None:
        return f"All {size:,} {noun}s give the same value, so there is no gap and r<sub>f</sub> is 0.{place}"
    alone, without, _ = cached.fragile(source.id, layer, component, neuron)
    unit = 2 if state.get().edge_length else 1
    which = f"that {noun}" if gap.small.texts == (alone,) else f"its most isolated {noun}"
    name, r_f = "2 r<sub>f</sub>" if unit == 2 else "r<sub>f</sub>", (gap.high - gap.low) / 2
    would = (
        f"stays {amount(unit * r_f)}"
        if without == r_f
        else f"would be {amount(unit * without)}, {share(without / r_f, 0)} of its value"
    )
    return (
        f"Its widest gap separates <b>{gap.small.size:,}</b> of {size:,} {noun}s from the others. Without {which} "
        f"{name} "
        f"{would}.{place}"
    )


def plan_says(source: Analysis, layer: int, component: str, neuron: int) -> NeuronStatus | None:
    """Return the status of a neuron in the current plan, or None if the plan cannot be applied."""
    try:
        plan, _ = cached.resolved(source.id, drafts.current(source.id))
        return neuron_status(source, plan, layer, component, neuron)
    except Exception:  # an impossible draft is explained on the Plan page
        return None


def numbers(source: Analysis, layer: int, component: str, neuron: int) -> None:
    """Show the row of the neuron's numbers."""
    unit = 2 if state.get().edge_length else 1
    cell, at = source.cell(layer, component), source.position(layer, component, neuron)
    place = standing(cell["r_f"], at)
    _, without, interval = cached.fragile(source.id, layer, component, neuron)
    plan_status = plan_says(source, layer, component, neuron)
    name, value, more = _plan_words(plan_status, unit)
    noun = "token" if source.meta["tokens"] == "all" else "text"
    layout.facts(
        [
            (
                "edge length, 2 r_f" if unit == 2 else "r_f",
                amount(unit * cell["r_f"][at]),
                "",
                f"cell median {amount(unit * place.median)}",
            ),
            (
                "percentile in its cell",
                "–" if place.percentile is None else f"P{int(10 * place.percentile) / 10:g}",
                "",
                f"rank {count(place.rank)} of {count(place.of)}",
            ),
            ("std of outputs", amount(cell["std"][at]), "", f"mean {amount(cell['mean'][at])}"),
            (name, value, "", more),
            (
                f"without its most isolated {noun}",
                amount(unit * without),
                "",
                "bootstrap: not measured"
                if interval is None
                else f"bootstrap {share(interval.share, 0)}: {amount(unit * interval.low, 2)} – "
                f"{amount(unit * interval.high, 2)}",
            ),
        ]
    )


def _plan_words(plan_status: NeuronStatus | None, unit: int) -> tuple[str, str, str]:
    if plan_status is None:
        return "by the plan", "no plan", "it cannot be applied"
    if plan_status.state == "locked":
        return "by the plan", "locked", "feeds a residual sum"
    name = f"by the plan (P{plan_status.percentile:g} here)" if plan_status.percentile else "by the plan"
    if plan_status.threshold is None:
        return name, plan_status.state, "no percentile in this cell"
    scale = unit if plan_status.criterion == "r_f" else 1
    title = "2 r_f" if scale == 2 else criterion(plan_status.criterion).title
    return name, plan_status.state, f"cut at {title} ≤ {amount(scale * plan_status.threshold)}"


def title(layer: int, component: str, neuron: int) -> str:
    """Return the displayed name of a neuron."""
    return f"Layer {layer} · {TITLES[component]} · neuron {neuron}"
