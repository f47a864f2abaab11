"""Keep or drop one neuron in the current plan, with a reason."""

from __future__ import annotations

import streamlit as st

from obce_core.components import LOCKED, TITLES
from obce_core.plan import PruneSpec
from obce_core.plan.spec import override_of
from pages._shared import drafts, guards

_WORDS = {"keep": ("Keep", "Kept", ":material/lock:"), "drop": ("Drop", "Dropped", ":material/content_cut:")}


def actions(analysis_id: str, prune_spec: PruneSpec, layer: int, component: str, neuron: int) -> None:
    """Show Keep and Drop; an existing override is shown with its reason and can be removed."""
    choice = override_of(prune_spec, layer, component, neuron) if component not in LOCKED else None
    for side, (verb, done, icon) in _WORDS.items():
        if component in LOCKED:
            why = f"{TITLES[component]} is locked: it feeds a residual sum, so no plan cuts it."
            st.button(verb, icon=icon, disabled=True, help=why, key=f"locked-{side}")
            continue
        is_selected = choice is not None and choice.side == side
        with st.popover(
            done if is_selected else verb, icon=icon, width="content", type="primary" if is_selected else "secondary"
        ):
            if is_selected and choice is not None:
                st.text(f"{done} manually: {choice.reason or 'no reason submitted.'}")
                if st.button("Remove this override", key=f"release-{side}-{neuron}"):
                    with guards.caught():
                        drafts.release(analysis_id, layer, component, neuron)
                        st.rerun()
            with st.form(f"{side}-{layer}-{component}-{neuron}", border=False):
                reason = st.text_input(
                    "Reason, saved in the plan", choice.reason if is_selected and choice else "", max_chars=500
                )
                submitted = st.form_submit_button(
                    "Change the reason" if is_selected else f"{verb} this neuron", type="primary"
                )
            if submitted:
                with guards.caught():
                    (drafts.keep if side == "keep" else drafts.drop)(
                        analysis_id, layer, component, neuron, reason.strip()
                    )
                    st.rerun()
