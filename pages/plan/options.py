"""By what a plan cuts, what stands in a removed neuron's place, and what the hardware wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.criteria import CRITERIA
from obce_core.plan import (
    METHODS,
    Compensation,
    Hardware,
    PruneSpec,
)
from obce_core.plan.parts import without_equal
from pages._shared import drafts, state


def options(source: Analysis, prune_spec: PruneSpec) -> None:
    """Criterion, compensation and hardware, behind one button that names what is not the default."""
    plain = PruneSpec()
    told = [
        CRITERIA[prune_spec.criterion].title if prune_spec.criterion != plain.criterion else "",
        prune_spec.compensation.method if prune_spec.compensation.method != plain.compensation.method else "",
        "all tokens" if prune_spec.compensation.tokens == "all" and not prune_spec.compensation.predicts else "",
        f"×{prune_spec.hardware.round_to}" if prune_spec.hardware.round_to else "",
        "even heads" if prune_spec.hardware.per_head else "",
    ]
    with st.popover("Options" + "".join(f" · {part}" for part in told if part), key="plan-options"):
        values = {
            "plan-criterion": prune_spec.criterion,
            "plan-seed": prune_spec.seed,
            "plan-method": prune_spec.compensation.method,
            "plan-tokens": prune_spec.compensation.tokens,
            "plan-round": prune_spec.hardware.round_to,
            "plan-heads": prune_spec.hardware.per_head,
        }
        for key, value in values.items():
            st.session_state[key] = value
        changed: dict[str, Any] = {"on_change": _options, "args": (source,)}
        st.selectbox(
            "Cut by",
            list(CRITERIA),
            format_func=lambda n: CRITERIA[n].title,
            key="plan-criterion",
            help="r_f is the paper's; the others are for comparison",
            **changed,
        )
        if CRITERIA[prune_spec.criterion].reads == "seed":
            st.number_input("Seed", 0, 2**32 - 1, key="plan-seed", **changed)
        st.selectbox(
            "Compensation",
            METHODS,
            key="plan-method",
            help="What stands in a removed neuron's place: a constant, or (least-squares) a prediction from the kept neurons",
            **changed,
        )
        st.selectbox(
            "over",
            ["cls", "all"],
            format_func={"cls": "[CLS] (paper)", "all": "all tokens"}.get,
            key="plan-tokens",
            disabled=prune_spec.compensation.predicts,
            help="least-squares takes all tokens: one row a text would overfit"
            if prune_spec.compensation.predicts
            else None,
            **changed,
        )
        st.selectbox(
            "Round stored widths up to a multiple of",
            [0, 8, 16],
            format_func={0: "– (leave them)", 8: "8", 16: "16"}.get,
            key="plan-round",
            help="Adds neurons back, the highest criterion first: some hardware is faster with such widths",
            **changed,
        )
        st.toggle(
            "Make the heads of a layer equally wide",
            key="plan-heads",
            help="Adds neurons back to the narrower heads",
            **changed,
        )


def _options(source: Analysis) -> None:
    base, said = drafts.current(source.id), st.session_state
    method = said["plan-method"]
    prune_spec = replace(
        base,
        criterion=said["plan-criterion"],
        seed=int(said.get("plan-seed", base.seed)),
        compensation=Compensation(method=method, tokens=None if method == "least-squares" else said["plan-tokens"]),
        hardware=Hardware(round_to=said["plan-round"], per_head=bool(said["plan-heads"])),
    )
    prune_spec, notes = without_equal(source, prune_spec)
    drafts.edit(source.id, prune_spec)
    state.get().messages += notes
