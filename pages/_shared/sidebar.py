"""The sidebar below the navigation: links to the selection and the running jobs, and the switches that pages share."""

from __future__ import annotations

from html import escape

import streamlit as st

from obce_core import settings
from obce_core.analysis.analysis import Analysis
from obce_core.components import TITLES
from obce_core.figures.theme import DARK, LIGHT
from obce_core.formatting import share
from obce_core.jobs import FINAL
from obce_core.jobs.listing import GLYPHS, Listed, kind_title, listing
from pages._shared import cached, drafts, guards, layout, mounts, nav, state

_EDGE = "Off: radii, as in the paper. On: edge lengths, twice as long, as gudhi and ripser report them."
_TOKENS = {"cls": "[CLS]", "mean": "mean of tokens", "all": "all tokens"}
_RUNS = 4
_STYLE = """
<style>
.st-key-pick { gap: 0; }
.st-key-pick [data-testid="stPageLink-NavLink"] { min-height: 27px; padding-top: 1px; padding-bottom: 1px; }
.st-key-running [data-testid="stPageLink-NavLink"] { background: none; font-weight: 400; min-height: 27px;
  padding-top: 1px;
  padding-bottom: 1px; }
.st-key-pick .pick { padding: 5px 8px 4px; }
.st-key-pick .st-key-pick-cell [data-testid="stPageLink-NavLink"]::before { content: ""; width: 9px; height: 9px;
  flex: none;
  border-radius: 2px; background: CHIP; }
</style>
"""


def show() -> None:
    """Show the selection, the switches and the running jobs; called after every page."""
    selection = state.get()
    state.write_address()
    with st.sidebar:
        with st.container(key="pick"):
            _selection(selection)
        for label, field, explanation in (
            ("Edge length", "edge_length", _EDGE),
            ("Presentation", "presentation", None),
        ):
            key = field.replace("_", "-")
            st.session_state[key] = getattr(selection, field)  # a page may have changed it too
            st.toggle(label, key=key, on_change=_switch, args=(field, key), help=explanation)
        mounts.link_and_mode(layout.mode(), address=state.take_first_address())
        if settings.read_only():
            layout.note(
                "Read-only: nothing is saved here. A plan lasts as long as this page is open; download it to keep it."
            )
        (_live_runs if _works() else _runs)()


def _works() -> list[Listed]:
    return [row for row in listing(20) if row.status.state not in FINAL][:_RUNS]


def _runs() -> None:
    with st.container(key="running", gap=None):
        for row in _works():
            nav.link("runs", f"{GLYPHS[row.status.state]} {kind_title(row.run.kind)}")


@st.fragment(run_every=3.0)
def _live_runs() -> None:
    """Show the running jobs, refreshed every three seconds."""
    _runs()


def _switch(field: str, key: str) -> None:
    """Set a switch of the state from its toggle."""
    setattr(state.get(), field, bool(st.session_state[key]))


def _selection(selection: state.State) -> None:
    """Show the selection. Link labels are Markdown and contain no user text; user-given names stand below, escaped."""
    hue = selection.component
    st.html(_STYLE.replace("CHIP", f"light-dark({LIGHT.components[hue]}, {DARK.components[hue]})"))
    nav.link("analysis", "Analysis")
    if not selection.analysis:
        _newest()
        return
    try:
        source = guards.open_analysis(selection.analysis)
    except Exception:  # a deleted analysis must not break the sidebar; the page shows the error
        _below(f"{escape(selection.analysis[:16])} was deleted or cannot be read")
        return
    meta = source.meta
    _below(
        f"<b>{escape(layout.short_name(meta['model']['name']))}</b> · {meta['texts']['n']:,} texts<br>"
        f'<span class="note">{_TOKENS.get(meta["tokens"], escape(meta["tokens"]))} · seed {meta["texts"]["seed"]} · '
        f'<span class="plain">{escape(meta["texts"]["source"][:28])}</span></span>'
    )
    if selection.layer:
        with st.container(key="pick-cell"):
            nav.link("importance", f"Layer {selection.layer} · {TITLES[selection.component]}")
    if selection.neuron is not None:
        nav.link("neuron", f"Neuron {selection.neuron}")
    _plan(source)


def _newest() -> None:
    """Offer the newest analysis where none is selected."""
    saved = cached.saved()
    if not saved:
        _below("none yet")
        return
    newest = saved[0]
    meta = newest.meta
    name = escape(newest.name or layout.short_name(meta["model"]["name"]))
    _below(f"none selected. The newest: {name}, {meta['texts']['n']:,} texts")
    st.button(
        "Select the newest", key="pick-newest", on_click=state.select_analysis, args=(newest.id,), width="stretch"
    )


def _plan(source: Analysis) -> None:
    """Show what the current plan leaves, and whether it is saved as a version."""
    prune_spec = drafts.current(source.id)
    if not (prune_spec.cells or prune_spec.drop or prune_spec.keep):
        label = "Plan: nothing cut yet"
    else:
        try:
            label = f"Plan: {share(cached.resolved(source.id, prune_spec)[1].encoder_share)} of the encoder"
        except Exception:  # an impossible draft is explained on the Plan page
            label = "Plan: cannot be applied"
    nav.link("plan", label)
    if drafts.theirs(source.id) is not None:
        _below("<b>not saved</b>: another tab changed it; the Plan page asks which to keep")
        return
    versions = cached.versions(source.id)
    equal_version = next((version for version in versions if version.prune_spec == prune_spec), None)
    last_version = next((version for version in versions if version.id == state.get().versions.get(source.id)), None)
    if equal_version is not None:
        _below(f'saved as <b class="plain">{escape(equal_version.name)}</b>')
    elif last_version is not None:
        _below(f'edited since <b class="plain">{escape(last_version.name)}</b>')
    elif label != "Plan: nothing cut yet":
        _below("draft without a version")


def _below(markup: str) -> None:
    """Write a line below a link; untrusted text in `markup` must be escaped."""
    st.html(f'<div class="pick">{markup}</div>')
