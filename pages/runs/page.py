"""The Runs page: all jobs in a table by state, and one job with its curves, log, and buttons to cancel and
go on."""

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
**● done** The result is there. **◐ running** A process holds the run's lock. **○ queued** The run waits for a free
slot;
the end of another job starts it, and this page may be closed. **✕ failed** with the reason. **‖ cancelled** Stopped on
request; it can be resumed. **? lost** Its process ended unexpectedly (it was killed, or the machine stopped); it can be
resumed. On a cluster a silent worker is not lost yet: the cluster is queried every few seconds, and a run whose node
was lost is resumed, at most three times.

**Resume** continues from the newest valid checkpoint. **Time left** divides the remaining steps by the speed of the
current attempt; it does not know about slower evaluations to come.

**Limits.** A run in the foreground of a shell can be cancelled here, and resumed as a job.
"""


def _lead(rows: list[Listed]) -> str:
    if not rows:
        return (
            "Every job is a folder and a command: analyses, compressions, proofs and evaluations, started here or "
            "by the shell."
        )
    counts = [f"<b>{count(number)}</b> {name}" for name, number in tally(rows).items()]
    return ", ".join(counts) + ". Jobs continue when this page is closed."


def _filter(rows: list[Listed]) -> list[Listed]:
    counts = tally(rows)
    options = [name for name in STATES if name in counts or name == selection.run_state]

    key = state.key("runs-state")

    def keep() -> None:
        selection.run_state, selection.runs_page = st.session_state[key] or "", 1

    default = selection.run_state or None
    st.pills(
        "Only those that are",
        options,
        default=default,
        key=key,
        on_change=keep,
        format_func=lambda name: f"{state_words(name)} {counts.get(name, 0):,}",
    )
    return [row for row in rows if not selection.run_state or row.status.state == selection.run_state]


def _pages(rows: list[Listed]) -> list[Listed]:
    """Cut the list into pages; the one that is shown stays within it."""
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
    """Return the run that the address or the table names; say so where it is not there."""
    if not selection.run:
        return None
    try:
        return find_run(selection.run)
    except ObceError as error:
        guards.show_gone("run", str(error))
        return None


def _body() -> None:
    move_queue(seconds=0.5)  # a look starts what waits and has room
    rows = listing()
    layout.title("Runs", _lead(rows))
    if not rows:
        st.info("No run yet. Launch starts an evaluation; Analysis and Model start jobs too.")
        nav.link("launch", "Launch an evaluation", icon=":material/rocket_launch:")
        nav.link("analysis", "Measure a model", icon=":material/play_circle:")
        return
    visible = _filter(rows)
    opened = _opened()
    page = _pages(visible)
    _turner(len(visible))
    parts.show(page, opened)
    if not selection.run:
        layout.note("Tick a row to open it: curves, log, cancel, resume.")
    with st.expander("How to read this"):
        st.markdown(_HELP)


with guards.caught():
    _body()
