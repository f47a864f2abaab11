"""What every page has: the house's styles, a headline, numbers between hairlines, the selection in the sidebar."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from obce_core.components import TITLES
from obce_core.figures.numbers import share
from obce_core.figures.theme import DARK, LIGHT
from obce_core.jobs import FINAL, list_runs
from pages._ui import cached, components, drafts, nav, state

_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="24" viewBox="0 0 96 24">'
    '<g fill="#3392E5" fill-opacity=".28" stroke="#3A78BE" stroke-width="1.5"><circle cx="9" cy="12" r="7.5"/>'
    '<circle cx="17" cy="12" r="7.5"/></g><g fill="#3A78BE"><circle cx="9" cy="12" r="1.6"/><circle cx="17" cy="12" r="1.6"/></g>'
    '<text x="32" y="18" font-family="Source Sans,Source Sans Pro,sans-serif" font-size="17" font-weight="650" '
    'letter-spacing=".4" fill="#5E7FA5">OBCE</text></svg>'
)

_STYLE = """
<style>
.stMainBlockContainer { max-width: 1480px; padding: 2.4rem 2.2rem 4rem; }
[data-testid="stSidebarNavLink"] { height: 27px; min-height: 27px; padding-top: 0; padding-bottom: 0; margin: 0; line-height: 27px; }
[data-testid="stSidebarNav"] li { margin: 0; }
[data-testid="stSidebarNavItems"] { padding-bottom: 0; }
[data-testid="stSidebarNavSeparator"] { margin-top: 10px; }
h1 { padding-bottom: 0.1rem !important; letter-spacing: -0.01em; }
.lead { color: light-dark(#5A6675, #A3AEBB); font-size: 1.1rem; line-height: 1.45; max-width: 75ch; margin: 0 0 .6rem; }
.lead b { color: light-dark(#1B2430, #E4E9EF); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(118px, 1fr)); gap: 10px 20px;
  border-top: 1px solid light-dark(#DDE2E8, #2C3642); border-bottom: 1px solid light-dark(#DDE2E8, #2C3642);
  padding: 12px 0 14px; margin: .2rem 0 .2rem; }
.facts .name { font-size: 12.5px; color: light-dark(#5A6675, #A3AEBB); }
.facts .value { font-size: 21px; font-weight: 620; font-variant-numeric: tabular-nums; line-height: 1.35; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
.facts .value small { font-size: 13.5px; font-weight: 400; color: light-dark(#5A6675, #A3AEBB); }
.facts .more { font-size: 12.5px; color: light-dark(#5A6675, #A3AEBB); font-variant-numeric: tabular-nums; }
.note { color: light-dark(#5A6675, #A3AEBB); font-size: 13px; line-height: 1.45; max-width: 75ch; }
.note b { color: light-dark(#1B2430, #E4E9EF); }
.line { display: flex; margin: 1.6rem 0 1.4rem; }
.line > div { flex: 1; position: relative; padding-top: 22px; border-top: 2px solid light-dark(#DDE2E8, #2C3642); margin-top: 6px; }
.line > div.done { border-color: light-dark(#1B2430, #E4E9EF); }
.line > div::before { content: ""; position: absolute; top: -7px; left: 0; width: 12px; height: 12px; border-radius: 50%;
  box-sizing: border-box; background: light-dark(#FFFFFF, #11161D); border: 2px solid light-dark(#8A94A3, #77828F); }
.line > div.done::before { background: light-dark(#1B2430, #E4E9EF); border-color: light-dark(#1B2430, #E4E9EF); }
.line b { display: block; font-weight: 600; } .line span { font-size: 12.5px; color: light-dark(#5A6675, #A3AEBB); }
.pick { font-size: 13px; line-height: 1.4; }
.pick .name { color: light-dark(#5A6675, #A3AEBB); font-size: 12.5px; margin-top: 8px; }
.pick .chip { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; }
[class*="st-key-side-"] [data-testid="stText"] { unicode-bidi: plaintext; overflow-wrap: anywhere; font-size: 14.5px; }
.plain { unicode-bidi: plaintext; overflow-wrap: anywhere; }
[role="radio"][aria-checked="true"], [data-variant="pills"][aria-pressed="true"] { color: light-dark(#1B2430, #E4E9EF) !important;
  border-color: light-dark(#1B2430, #E4E9EF) !important; }
.stApp { font-variant-numeric: tabular-nums; }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
</style>
"""

_LARGE = """
<style>
html { font-size: 19px !important; } .facts .value { font-size: 27px; } .note, .facts .name, .facts .more, .pick { font-size: 16px; }
</style>
"""
"""For a projector: the base is 19 px, and what is measured in px grows alike."""


def begin() -> None:
    """Set the styles and the logo; runs before every page."""
    st.html(_STYLE + (_LARGE if state.get().presentation else ""))
    st.logo(_LOGO, size="large")
    state.get()


def mode() -> str:
    """Return `light` or `dark`, as the browser shows the page now."""
    theme = getattr(st.context, "theme", None)
    return "dark" if getattr(theme, "type", None) == "dark" else "light"


def title(text: str, lead: str) -> None:
    """Write a page's title and its one sentence. `lead` may hold <b>; everything foreign in it must be escaped."""
    st.title(text, anchor=False)
    st.html(f'<p class="lead">{lead}</p>')


def facts(rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Write numbers between two hairlines: (name, value, unit, second line); all are escaped here."""
    cells = "".join(
        f'<div><div class="name">{escape(name)}</div><div class="value">{escape(value)} <small>{escape(unit)}</small></div>'
        f'<div class="more">{escape(more) or "&nbsp;"}</div></div>'
        for name, value, unit, more in rows
    )
    st.html(f'<div class="facts">{cells}</div>')


def note(markup: str) -> None:
    """Write a caption; `markup` is ours, foreign text in it must be escaped."""
    st.html(f'<p class="note">{markup}</p>')


def sidebar() -> None:
    """Show the selection and the running jobs below the navigation; runs after every page."""
    chosen = state.get()
    state.write_address()
    with st.sidebar:
        st.html(f'<div class="pick">{_selection(chosen)}</div>')
        st.toggle("Edge length", chosen.edge_length, key="edge-length", on_change=_switch, args=("edge_length", "edge-length"), help=_EDGE)
        st.toggle("Presentation", chosen.presentation, key="presentation", on_change=_switch, args=("presentation", "presentation"))
        components.link_and_mode(mode())
        running = [run for run in list_runs()[:20] if run.status().state not in FINAL]
        if running:
            nav.link("runs", f"◐ {len(running)} running")


_EDGE = "Off: radii, as in the paper. On: edge lengths, twice as long, as gudhi and ripser report them."


def set_edge_length(on: bool) -> None:
    """Set the switch between radii and edge lengths from elsewhere on a page (in a callback)."""
    state.get().edge_length = on
    st.session_state["edge-length"] = on


def _switch(field: str, key: str) -> None:
    """Set a switch of the state from its toggle."""
    setattr(state.get(), field, bool(st.session_state[key]))


def _selection(chosen: state.State) -> str:
    if not chosen.analysis:
        return '<div class="name">Analysis</div>none yet'
    try:
        source = cached.analysis(chosen.analysis)
    except Exception:  # a deleted analysis must not break the frame; the page says what is wrong
        return '<div class="name">Analysis</div>not found'
    told = source.meta
    parts = [
        f'<div class="name">Analysis</div><b>{escape(short_name(told["model"]["name"]))}</b> · {told["texts"]["n"]:,} texts'
        f'<br><span class="note">{_tokens(told["tokens"])} · seed {told["texts"]["seed"]} · '
        f'<span class="plain">{escape(told["texts"]["source"][:28])}</span></span>'
    ]
    if chosen.layer:
        chip = f"light-dark({LIGHT.components[chosen.component]}, {DARK.components[chosen.component]})"
        parts.append(
            f'<div class="name">Cell</div><span class="chip" style="background:{chip}"></span>'
            f"<b>Layer {chosen.layer} · {TITLES[chosen.component]}</b>"
        )
    if chosen.neuron is not None:
        parts.append(f'<div class="name">Neuron</div><b>{chosen.neuron}</b>')
    intent = drafts.current(chosen.analysis)
    if drafts.theirs(chosen.analysis) is not None:
        parts.append('<div class="name">Plan</div><b>not saved</b>: another tab changed it; the Plan page asks which to keep')
    if intent.cells or intent.drop:
        try:
            left = share(cached.resolved(chosen.analysis, intent)[1].encoder_share)
            parts.append(f'<div class="name">Plan</div><b>{left}</b> of the encoder left')
        except Exception:  # an impossible draft is explained on the Plan page
            parts.append('<div class="name">Plan</div>cannot be carried out')
    return "".join(parts)


def short_name(name: str) -> str:
    """Drop the owner of a hub id."""
    return name.rsplit("/", 1)[-1]


def _tokens(tokens: str) -> str:
    return {"cls": "[CLS]", "mean": "mean of tokens", "all": "all tokens"}.get(tokens, tokens)
