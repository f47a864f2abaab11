"""Names of analyses in lists, and a choice of another analysis where the selected one is missing."""

from __future__ import annotations

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.catalog import Saved
from pages._shared import cached, layout, nav, state


def name_of(entry: Saved | Analysis) -> str:
    """Return a short name of an analysis: its own name, else model, number of texts and seed."""
    if isinstance(entry, Saved) and entry.name:
        return entry.name
    meta = entry.meta
    model, texts = layout.short_name(meta["model"]["name"])[:26], meta["texts"]
    return f"{model} · {texts['n']:,} · seed {texts['seed']} · {entry.id[:6]}"


def label(analysis: Analysis) -> str:
    """Return the name of an analysis for the heading of its figure."""
    entry = next((entry for entry in cached.saved() if entry.id == analysis.id), None)
    return name_of(entry if entry is not None else analysis)


def offer_analyses() -> None:
    """Offer the saved analyses where the selected one cannot be read; nothing is selected automatically."""
    names = {entry.id: name_of(entry) for entry in cached.saved()}
    names.pop(state.get().analysis, None)
    if names:
        key = state.key("offered-analysis")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox("Saved analyses, newest first", list(names), format_func=names.__getitem__, key=key, width=420)
            st.button(
                "Select it",
                icon=":material/folder_open:",
                on_click=lambda: state.select_analysis(str(st.session_state[key])),
            )
    nav.link("analysis", "Measure a model, or see all saved analyses", icon=":material/play_circle:")
