"""The layout of every page: styles, title, rows of numbers, captions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from pages._shared import state

_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="24" viewBox="0 0 96 24">'
    '<g fill="#3392E5" fill-opacity=".28" stroke="#3A78BE" stroke-width="1.5"><circle cx="9" cy="12" r="7.5"/>'
    '<circle cx="17" cy="12" r="7.5"/></g><g fill="#3A78BE"><circle cx="9" cy="12" r="1.6"/><circle cx="17" cy="12" '
    'r="1.6"/></g>'
    '<text x="32" y="18" font-family="Source Sans,Source Sans Pro,sans-serif" font-size="17" font-weight="650" '
    'letter-spacing=".4" fill="#5E7FA5">OBCE</text></svg>'
)

_STYLE = """
<style>
.stMainBlockContainer { max-width: 1480px; padding: 2.4rem 2.2rem 4rem; }
[data-testid="stSidebarNavLink"] { height: 27px; min-height: 27px; padding-top: 0; padding-bottom: 0; margin: 0;
  line-height: 27px; }
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
.facts .value { font-size: 21px; font-weight: 620; font-variant-numeric: tabular-nums; line-height: 1.35;
  overflow-wrap: anywhere; }
.facts > div { min-width: 0; }
.facts .value small { font-size: 13.5px; font-weight: 400; color: light-dark(#5A6675, #A3AEBB); }
.facts .more { font-size: 12.5px; color: light-dark(#5A6675, #A3AEBB); font-variant-numeric: tabular-nums; }
.note { color: light-dark(#5A6675, #A3AEBB); font-size: 13px; line-height: 1.45; max-width: 75ch; }
.fault { display: flex; gap: 10px; align-items: flex-start; padding: 10px 14px; border-radius: 6px; line-height: 1.45;
  border-left: 3px solid light-dark(#C8283F, #FF6B7A); background: light-dark(#FBECEE, #2A171C);
  color: light-dark(#1B2430, #E4E9EF); }
.fault b { flex: none; width: 1.35em; height: 1.35em; border-radius: 50%; text-align: center; line-height: 1.35em;
  font-size: .9em;
  background: light-dark(#C8283F, #FF6B7A); color: light-dark(#FFFFFF, #11161D); }
.notice { display: flex; gap: 10px; align-items: flex-start; padding: 10px 14px; border-radius: 6px; line-height: 1.45;
  border-left: 3px solid light-dark(#1F3A5F, #3A78BE); background: light-dark(#F4F6F8, #1A212B);
  color: light-dark(#1B2430, #E4E9EF); }
.notice b { flex: none; width: 1.35em; height: 1.35em; border-radius: 50%; text-align: center; line-height: 1.35em;
  font-size: .9em;
  background: light-dark(#1F3A5F, #3A78BE); color: #FFFFFF; }
.notice .plain { min-width: 0; }
.fault .plain { white-space: pre-line; min-width: 0; }
.note b { color: light-dark(#1B2430, #E4E9EF); }
.line { display: flex; margin: 1.6rem 0 1.4rem; }
.line > div { flex: 1; position: relative; padding-top: 22px; border-top: 2px solid light-dark(#DDE2E8, #2C3642);
  margin-top: 6px; }
.line > div.done { border-color: light-dark(#1B2430, #E4E9EF); }
.line > div::before { content: ""; position: absolute; top: -7px; left: 0; width: 12px; height: 12px;
  border-radius: 50%;
  box-sizing: border-box; background: light-dark(#FFFFFF, #11161D); border: 2px solid light-dark(#8A94A3, #77828F); }
.line > div.done::before { background: light-dark(#1B2430, #E4E9EF); border-color: light-dark(#1B2430, #E4E9EF); }
.line b { display: block; font-weight: 600; } .line span { font-size: 12.5px; color: light-dark(#5A6675, #A3AEBB); }
.pick { font-size: 13px; line-height: 1.4; }
[class*="st-key-side-"] [data-testid="stText"] { unicode-bidi: plaintext; overflow-wrap: anywhere; font-size: 14.5px; }
.plain { unicode-bidi: plaintext; overflow-wrap: anywhere; }
[role="radio"][aria-checked="true"], [data-variant="pills"][aria-pressed="true"] {
  color: light-dark(#1B2430, #E4E9EF) !important;
  border-color: light-dark(#1B2430, #E4E9EF) !important; }
[data-testid="stButtonGroup"] [role="radio"]:not([data-variant="pills"]) { min-height: 2.5rem; }
.stApp { font-variant-numeric: tabular-nums; }
[data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
[data-testid="stColumn"] { min-width: min(100%, 6.5rem); }
[data-testid="stColumn"]:has(.lead, [data-testid="stPlotlyChart"], [data-testid="stDataFrame"],
  [data-testid^="stBidiComponent"],
  [data-testid="stTextArea"], .facts, .line) { min-width: min(100%, 21rem); }
[data-testid="stColumn"]:has([data-testid="stSelectbox"], [data-testid="stTextInput"], [data-testid="stNumberInput"]) {
  min-width: min(100%, 8rem); }
[data-testid="stColumn"]:has([data-testid="stButtonGroup"]) { min-width: min(100%, 13rem); }
[data-testid="stButtonGroup"] > div { flex-wrap: wrap; }
[data-testid="stPageLink-NavLink"] :is(span, p) { white-space: normal; overflow: visible; text-overflow: clip; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 4.6rem 1rem 3rem; } .line { flex-wrap: wrap; gap: 14px 0; }
  .line > div { flex: 1 0 33%; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
</style>
"""

_LARGE = """
<style>
html { font-size: 19px !important; } .facts .value { font-size: 27px; } .note, .facts .name, .facts .more, .pick {
  font-size: 16px; }
</style>
"""
"""Presentation mode: the base font is 19 px, and sizes given in px grow in proportion."""


def begin() -> None:
    """Set the styles and the logo; called before every page."""
    st.html(_STYLE + (_LARGE if state.get().presentation else ""))
    st.logo(_LOGO, size="large")


def mode() -> str:
    """Return `light` or `dark`, the current mode of the browser."""
    theme = getattr(st.context, "theme", None)
    return "dark" if getattr(theme, "type", None) == "dark" else "light"


def title(text: str, lead: str) -> None:
    """Write a page's title and lead sentence. `lead` may contain <b>; untrusted text in it must be escaped."""
    st.title(text, anchor=False)
    st.html(f'<p class="lead">{lead}</p>')


def facts(rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Write a row of numbers, each (name, value, unit, second line); all of it is escaped here."""
    cells = "".join(
        f'<div><div class="name">{escape(name)}</div><div class="value">{escape(value)} '
        f"<small>{escape(unit)}</small></div>"
        f'<div class="more">{escape(more) or "&nbsp;"}</div></div>'
        for name, value, unit, more in rows
    )
    st.html(f'<div class="facts">{cells}</div>')


def note(markup: str) -> None:
    """Write a caption; untrusted text in `markup` must be escaped."""
    st.html(f'<p class="note">{markup}</p>')


def short_name(name: str) -> str:
    """Return a hub id without its owner."""
    return name.rsplit("/", 1)[-1]
