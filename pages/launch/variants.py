"""The models that Launch compares: the original, percentiles, plans, built models, controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.compression.result import list_models
from obce_core.formatting import share
from obce_core.glue.sweep import CONTROLS
from obce_core.glue.unit import ORDERS
from obce_core.plan import PruneSpec, write_plan
from obce_core.plan.storage import list_versions, plans_home, read_draft
from pages._shared import cached, drafts, layout
from pages.launch import fields as fields

_ORDER_WORDS = {"cut-first": "cut, then fine-tune (the paper)", "finetune-first": "fine-tune, then cut"}
_CURRENT = "current plan"


def variants(source: Analysis | None) -> dict[str, Any]:
    """Ask for the models; the options depend on the analysis."""
    form = fields.values()
    options: dict[str, Any] = {"original": fields.toggle("The original", "original", True)}
    if source is None:
        layout.note("No analysis yet, so there is no plan to apply: only the original model can be evaluated.")
    else:
        options |= _cuts(source)
    built = {entry.folder.name: entry for entry in list_models()}
    names = {
        key: f"{layout.short_name(one.name)}, {share(one.budget.encoder_share)} of the encoder, {key[:8]}"
        for key, one in built.items()
    }
    widget = fields.kept("models", [])
    if built:
        selected = st.multiselect(
            "Built models",
            list(built),
            [key for key in form["models"] if key in built],
            format_func=names.__getitem__,
            placeholder="none",
            **widget,
        )
        options["models"] = {names[key]: str(built[key].folder) for key in selected}
    return options


def choose_built(source: Analysis, folder: str, *, of_draft: bool) -> None:
    """Select a built model in the form; if it is of the current plan, select that plan, which can have controls."""
    form = fields.values()
    if of_draft:
        versions, prune_spec = _plans(source)
        form["plans"] = [
            next((name for name, one in versions.items() if name != _CURRENT and one == prune_spec), _CURRENT)
        ]
        form["percentiles"] = []
    else:
        form["models"] = list(dict.fromkeys([*form.get("models", []), folder]))


def _plans(source: Analysis) -> tuple[dict[str, PruneSpec], PruneSpec]:
    """Return the selectable prune specs by name, the draft first and then the newest version; and the draft."""
    versions = {version.name: version.prune_spec for version in list_versions(source.id)}
    prune_spec = drafts.current(source.id)
    return ({_CURRENT: prune_spec, **versions} if prune_spec.cells or prune_spec.drop else versions), prune_spec


def _proposed(source: Analysis, versions: Mapping[str, PruneSpec], prune_spec: PruneSpec) -> list[str]:
    """Return the default plan: the version that equals the draft, else the newer of draft and newest version."""
    same = [name for name, version in versions.items() if name != _CURRENT and version == prune_spec]
    newest = max((version.written for version in list_versions(source.id)), default="")
    # Times are in seconds; a draft of the same second was edited after the version was saved.
    draft_is_newer = read_draft(source.id).written >= newest
    # The sort is stable: versions stay newest first.
    by_age = sorted(versions, key=lambda name: (name == _CURRENT) != draft_is_newer)
    return (same or by_age)[:1]


def _cuts(source: Analysis) -> dict[str, Any]:
    form = fields.values()
    whole = not _was_cut(source)
    versions, prune_spec = _plans(source)
    proposed = _proposed(source, versions, prune_spec)
    widget = fields.kept("percentiles", [30, 50] if whole and not proposed else [])
    st.pills(
        "Uniform percentiles, by r_f from layer 3",
        [10, 20, 30, 40, 50, 60, 70, 80, 90],
        selection_mode="multi",
        default=form["percentiles"],
        format_func=lambda value: f"P{value}",
        **widget,
    )
    widget = fields.kept("plans", proposed)
    names = st.multiselect(
        "Plans",
        list(versions),
        [name for name in form["plans"] if name in versions],
        placeholder="none saved" if not versions else "none",
        disabled=not versions,
        help="The current plan and its saved versions",
        **widget,
    )
    plans = {}
    for name in names:
        plan, _ = cached.resolved(source.id, versions[name])
        path = plans_home(source.id) / "launched" / f"{plan.digest[:16]}.plan.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_plan(plan, path)
        # The current plan changes, but the label of a result must not.
        plans[f"plan {plan.digest[:8]}" if name == _CURRENT else name] = str(path)
    row = st.columns([1.6, 1], gap="medium", vertical_alignment="bottom")
    widget = fields.kept("controls", ["random"] if whole else [])
    with row[0]:
        st.pills(
            "Controls of the same stored shape",
            list(CONTROLS),
            selection_mode="multi",
            default=form["controls"],
            **widget,
        )
    widget = fields.kept("draws", 1)
    draws = row[1].number_input(
        "Random draws", 1, 100, form["draws"], disabled="random" not in form["controls"], **widget
    )
    widget = fields.kept("orders", ["cut-first"])
    st.pills(
        "Order",
        list(ORDERS),
        selection_mode="multi",
        default=form["orders"],
        format_func=_ORDER_WORDS.__getitem__,
        **widget,
    )
    if not whole:
        layout.note(
            "This model was cut before: a uniform percentile may meet an empty cell, and controls need the uncut model."
        )
    cuts = bool(form["percentiles"] or plans)
    return {
        "percentiles": tuple(sorted(float(value) for value in form["percentiles"])),
        "plans": plans,
        "controls": tuple(name for name in CONTROLS if name in form["controls"]) if cuts else (),
        "draws": int(draws),
        "orders": tuple(name for name in ORDERS if name in form["orders"]) or ("cut-first",),
    }


def _was_cut(source: Analysis) -> bool:
    """Return True if the analysed model lacks neurons of its uncut form."""
    layers = range(1, source.shape.layers + 1)
    return any(source.width(layer, name) != source.shape.width(name) for layer in layers for name in CUTTABLE)
