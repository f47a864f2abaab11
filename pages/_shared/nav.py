"""The table of pages: a new page needs one file and one row here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages._shared import state

_HOME = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Row:
    """One page: its section, its file below `pages/`, its title, its icon and its address."""

    section: str
    file: str
    title: str
    icon: str
    path: str


PAGES = (
    Row(section="Start", file="home/page.py", title="Home", icon=":material/home:", path="home"),
    Row(section="Explore", file="analysis/page.py", title="Analysis", icon=":material/play_circle:", path="analysis"),
    Row(section="Explore", file="importance/page.py", title="Importance", icon=":material/grid_on:", path="importance"),
    Row(section="Explore", file="neuron/page.py", title="Neuron", icon=":material/blur_on:", path="neuron"),
    Row(section="Compress", file="plan/page.py", title="Plan", icon=":material/tune:", path="plan"),
    Row(section="Compress", file="model/page.py", title="Model", icon=":material/archive:", path="model"),
    Row(section="Evaluate", file="launch/page.py", title="Launch", icon=":material/rocket_launch:", path="launch"),
    Row(section="Evaluate", file="runs/page.py", title="Runs", icon=":material/list_alt:", path="runs"),
    Row(section="Evaluate", file="results/page.py", title="Results", icon=":material/leaderboard:", path="results"),
    Row(section="Learn", file="learn/page.py", title="Lessons", icon=":material/school:", path="learn"),
)


def navigation() -> StreamlitPage:
    """Declare every page and return the one that the address names, Home by default."""
    _leave_unknown()
    sections: dict[str, list[StreamlitPage]] = {}
    for row in PAGES:
        page = st.Page(_HOME / row.file, title=row.title, icon=row.icon, url_path=row.path, default=row is PAGES[0])
        sections.setdefault(row.section, []).append(page)
    return st.navigation(sections)


def _leave_unknown() -> None:
    """Open Home for an unknown address and record it; Streamlit would cover Home with "Page not found"."""
    context = get_script_run_ctx()
    name = context.pages_manager.intended_page_name if context is not None else ""
    if context is None or not name or name in [row.path for row in PAGES[1:]]:
        return
    context.pages_manager.set_script_intent("", "")
    if name != PAGES[0].path:
        state.get().unknown = name[:80]


def name_of(page: StreamlitPage) -> str:
    """Return a page's address; Streamlit's own is empty for the first page."""
    return page.url_path or PAGES[0].path


def go(path: str) -> None:
    """Switch to a page by its address; the selection travels in the session and in the address."""
    row = next(row for row in PAGES if row.path == path)
    st.switch_page(str(_HOME / row.file))


def link(path: str, label: str, *, icon: str | None = None) -> None:
    """Draw a link to a page."""
    row = next(row for row in PAGES if row.path == path)
    st.page_link(str(_HOME / row.file), label=label, icon=icon)
