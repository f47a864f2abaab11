"""The Runs page: a table of all jobs, and one job open with its curves and log, Cancel and Resume."""

from __future__ import annotations

import streamlit as st

from obce_core.errors import ObceError
from obce_core.formatting import count
from obce_core.jobs import STATES, Run, find_run, move_queue
from obce_core.jobs.listing import Listed, listing, state_words, tally
from pages._shared import guards, layout, nav, state
from pages.runs import parts

_PAGE = 25
selection = state.get()

_HELP = """
**● done**: the result is available. **◐ running**: a process holds the run's lock. **○ queued**: the run waits for a
free slot and starts when another job ends, even if this page is closed. **✕ failed**: the reason is shown. **‖
cancelled**: stopped on request; it can be resumed. **? lost**: its process exited unexpectedly (killed, or the
machine stopped); it can be resumed. On a cluster, a worker without a heartbeat is not lost yet: the cluster is
queried every few seconds, and a run whose node was lost is restarted at most three times.

**Resume** continues from the newest valid checkpoint. **Time left** is the remaining work divided by the average
speed of the current attempt; it does not account for slower evaluations later in the run.

**Limits.** A run in the foreground of a shell can be cancelled here, and resumed as a job.
"""


def _lead(rows: list[Listed]) -> str:
    if not rows:
        return "All jobs: analyses, compressions, verifications and evaluations, started here or from the command line."
    counts = [f"<b>{count(number)}</b> {name}" for name, number in tally(rows).items()]
    return ", ".join(counts) + ". Jobs continue when you leave, reload or close this page."


def _filter(rows: list[Listed]) -> list[Listed]:
    counts = tally(rows)
    options = [name for name in STATES if name in counts or name == selection.run_state]

    key = state.key("runs-state")

    def keep() -> None:
        selection.run_state, selection.runs_page = st.session_state[key] or "", 1

    default = selection.run_state or None
    st.pills(
        "Filter by state",
        options,
        default=default,
        key=key,
        on_change=keep,
        format_func=lambda name: f"{state_words(name)} {counts.get(name, 0):,}",
    )
    return [row for row in rows if not selection.run_state or row.status.state == selection.run_state]


def _pages(rows: list[Listed]) -> list[Listed]:
    """Return the rows of the current page of the list; a page number beyond the end is reduced to the last one."""
    pages = max(1, -(-len(rows) // _PAGE))
    selection.runs_page = min(selection.runs_page, pages)
    first = (selection.runs_page - 1) * _PAGE
    return rows[first : first + _PAGE]


def _turn(step: int) -> None:
    selection.runs_page += step


def _turner(total: int) -> None:
    if total <= _PAGE:
        return
    row = st.columns([1, 1, 3], vertical_alignment="center")
    row[0].button(
        "Newer",
        icon=":material/chevron_left:",
        on_click=_turn,
        args=(-1,),
        disabled=selection.runs_page == 1,
        width="stretch",
    )
    last = selection.runs_page * _PAGE >= total
    row[1].button("Older", icon=":material/chevron_right:", on_click=_turn, args=(1,), disabled=last, width="stretch")
    first = (selection.runs_page - 1) * _PAGE
    row[2].caption(f"{first + 1:,} to {min(first + _PAGE, total):,} of {total:,}")


def _opened() -> Run | None:
    """Return the selected run, or None; show a notice if it does not exist."""
    if not selection.run:
        return None
    try:
        return find_run(selection.run)
    except ObceError as error:
        guards.show_gone("run", str(error))
        return None


def _body() -> None:
    move_queue(seconds=0.5)  # starts queued jobs for which there is a free slot
    rows = listing()
    layout.title("Runs", _lead(rows))
    if not rows:
        st.info("No run yet. Start an evaluation on Launch, or a job on Analysis or Model.")
        nav.link("launch", "Launch an evaluation", icon=":material/rocket_launch:")
        nav.link("analysis", "Measure a model", icon=":material/play_circle:")
        return
    shown = _filter(rows)
    opened = _opened()
    page = _pages(shown)
    _turner(len(shown))
    parts.show(page, opened)
    if not selection.run:
        layout.note("Tick a row to see its curves and log, and to cancel or resume it.")
    with st.expander("How to read this"):
        st.markdown(_HELP)


with guards.caught():
    _body()
