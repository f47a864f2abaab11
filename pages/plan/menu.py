"""The actions of the Plan page: undo, redo, presets, versions, build."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.errors import ObceError
from obce_core.plan import (
    PRESETS,
)
from obce_core.plan.create import make_plan
from obce_core.plan.presets import preset
from pages._shared import drafts, nav, state
from pages.plan import versions


def menu(source: Analysis) -> None:
    """Draw the actions of the page: undo, redo, presets, versions, build."""
    with st.container(horizontal=True, width="content", gap="small", key="plan-menu"):
        for name, step in (("undo", -1), ("redo", 1)):
            st.button(
                "",
                icon=f":material/{name}:",
                help=name.capitalize(),
                key=name,
                disabled=not drafts.can(source.id, step),
                on_click=drafts.move,
                args=(source.id, step),
            )
        with st.popover("Presets"):
            _presets(source)
        state.get().dialog = st.button("Versions", key="versions")
        if state.get().dialog:
            versions.dialog(source)
        if st.button("Build", type="primary", icon=":material/arrow_forward:", key="build"):
            nav.go("model")


def _presets(source: Analysis) -> None:
    layers = source.shape.layers
    for name, row in PRESETS.items():
        st.button(
            name,
            key=f"preset-{name}",
            help=row.description,
            disabled=not row.fits(layers),
            on_click=_preset,
            args=(source, name),
            width="stretch",
        )
    first = st.number_input("From layer", 1, layers, min(3, layers), key="first-layer")
    row = st.columns(3, gap="small")
    for place, value in zip(row, (30, 50, 70), strict=True):
        place.button(
            f"P{value}",
            key=f"all-{value}",
            help="Every component, from that layer on",
            on_click=_uniform,
            args=(source, value, first),
            width="stretch",
        )
    st.button(
        "Clear all cuts",
        key="all-0",
        on_click=_whole,
        args=(source,),
        width="stretch",
        help="Remove all percentiles and manual overrides",
    )
    st.divider()
    of = st.radio(
        "Keep at most this share of",
        ["encoder", "model"],
        format_func={"encoder": "the encoder", "model": "the whole model"}.get,
        horizontal=True,
        key="target-of",
    )
    percent = st.number_input("Share in percent", 1.0, 99.0, 60.0 if of == "encoder" else 80.0, key=f"share-{of}")
    st.button(
        "Find the smallest percentile",
        on_click=_target,
        args=(source, of, percent / 100, first),
        width="stretch",
        key="target",
    )


def _preset(source: Analysis, name: str) -> None:
    base = drafts.current(source.id)
    try:
        prune_spec, notes = preset(name, source, base)
        drafts.edit(source.id, replace(prune_spec, keep=base.keep, drop=base.drop, hardware=base.hardware))
        state.get().messages += notes
    except ObceError as error:
        state.get().messages = [str(error)]


def _uniform(source: Analysis, value: float, first: int) -> None:
    base = drafts.current(source.id)
    cells = {
        (layer, c): float(value)
        for layer in range(first, source.shape.layers + 1)
        for c in CUTTABLE
        if source.width(layer, c) and not source.degenerate(layer, c, base.criterion)
    }
    drafts.edit(source.id, replace(base, cells={}, first_layer=first).with_cells(cells))


def _whole(source: Analysis) -> None:
    """Remove all percentiles and manual overrides in one step that can be undone."""
    drafts.edit(source.id, replace(drafts.current(source.id), cells={}, keep=(), drop=()))


def _target(source: Analysis, of: str, left: float, first: int) -> None:
    base = drafts.current(source.id)
    try:
        plan = make_plan(
            source,
            first_layer=first,
            criterion=base.criterion,
            seed=base.seed,
            compensation=base.compensation.method,
            compensation_tokens=base.compensation.tokens,
            round_to=base.hardware.round_to,
            per_head=base.hardware.per_head,
            **{"target_encoder" if of == "encoder" else "target_params": left},
        )
        drafts.edit(source.id, replace(plan.prune_spec, keep=base.keep, drop=base.drop))
        state.get().messages += [line for line in plan.notes if line.startswith("--")]
        if base.keep or base.drop:
            state.get().messages.append("Manual overrides were left unchanged; they come on top of the target.")
    except ObceError as error:
        state.get().messages = [str(error)]
