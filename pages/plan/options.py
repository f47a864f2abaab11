"""The options of a plan: criterion, compensation for removed neurons, and hardware constraints."""

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
from obce_core.plan.plan import without_equal
from pages._shared import drafts, state


def options(source: Analysis, prune_spec: PruneSpec) -> None:
    """Draw criterion, compensation and hardware options behind one button, which lists the non-default ones."""
    plain = PruneSpec()
    parts = [
        CRITERIA[prune_spec.criterion].title if prune_spec.criterion != plain.criterion else "",
        prune_spec.compensation.method if prune_spec.compensation.method != plain.compensation.method else "",
        "all tokens" if prune_spec.compensation.tokens == "all" and not prune_spec.compensation.predicts else "",
        f"×{prune_spec.hardware.round_to}" if prune_spec.hardware.round_to else "",
        "even heads" if prune_spec.hardware.per_head else "",
    ]
    with st.popover("Options" + "".join(f" · {part}" for part in parts if part), key="plan-options"):
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
            help="Replaces a removed neuron: a constant, or (least-squares) a prediction from the kept neurons",
            **changed,
        )
        st.selectbox(
            "over",
            ["cls", "all"],
            format_func={"cls": "[CLS] (paper)", "all": "all tokens"}.get,
            key="plan-tokens",
            disabled=prune_spec.compensation.predicts,
            help="least-squares uses all tokens: one row per text would overfit"
            if prune_spec.compensation.predicts
            else None,
            **changed,
        )
        st.selectbox(
            "Round stored widths up to a multiple of",
            [0, 8, 16],
            format_func={0: "– (no rounding)", 8: "8", 16: "16"}.get,
            key="plan-round",
            help="Adds neurons back, highest criterion first; some hardware is faster with such widths",
            **changed,
        )
        st.toggle(
            "Equal width for all heads of a layer",
            key="plan-heads",
            help="Adds neurons back to the narrower heads",
            **changed,
        )


def _options(source: Analysis) -> None:
    base, values = drafts.current(source.id), st.session_state
    method = values["plan-method"]
    prune_spec = replace(
        base,
        criterion=values["plan-criterion"],
        seed=int(values.get("plan-seed", base.seed)),
        compensation=Compensation(method=method, tokens=None if method == "least-squares" else values["plan-tokens"]),
        hardware=Hardware(round_to=values["plan-round"], per_head=bool(values["plan-heads"])),
    )
    prune_spec, notes = without_equal(source, prune_spec)
    drafts.edit(source.id, prune_spec)
    state.get().messages += notes
