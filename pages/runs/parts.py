"""The table of runs, and one open run, both refreshed while a run has not ended."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from obce_core.errors import ObceError
from obce_core.formatting import amount, duration
from obce_core.jobs import FINAL, RESUMABLE, Progress, Run, Status, launcher_of, poll
from obce_core.jobs.launchers.ray_cluster import public_address
from obce_core.jobs.listing import Listed, state_words
from obce_core.jobs.registry import list_runs, runs_home
from pages._shared import cached_results, guards, layout, state
from pages.runs import results

_SHORT = 34
"""The longest reason, in characters, that is shown beside the state; a longer one is shown below."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A run's status and progress at one moment, shared by the table and the open run."""

    run: Run
    status: Status
    progress: Progress


def show(rows: Sequence[Listed], opened: Run | None) -> None:
    """Show the table and the open run, every two seconds while one of the runs has not ended; a tick opens a run."""
    runs = [row.run for row in rows]
    states = {row.run.id: row.status.state for row in rows}
    if opened is not None and opened.id not in states:
        states[opened.id] = poll.run_status(opened).state
    with guards.caught():
        if any(one not in FINAL for one in states.values()):
            _live(runs, opened, states, len(list_runs()))
        else:
            _once(runs, opened)


@st.fragment(run_every=2.0)
def _live(runs: list[Run], opened: Run | None, drawn: dict[str, str], known: int) -> None:
    """Refresh the runs; rerun the whole page when a state has changed or a run was added."""
    with guards.caught():
        now = _once(runs, opened)
        if {one.run.id: one.status.state for one in now} != drawn or len(list_runs()) != known:
            st.rerun()


def _once(runs: list[Run], opened: Run | None) -> list[Reading]:
    """Read every run once, and show the table and the open run from that."""
    if opened is not None and poll.run_status(opened).state not in FINAL:
        poll.probe(opened)  # probing also starts queued runs and restarts those whose node was lost
    every = [*runs, *([opened] if opened is not None and opened.id not in {run.id for run in runs} else [])]
    now = [
        Reading(run=run, status=status, progress=run.progress())
        for run, status in zip(every, poll.look(every), strict=True)
    ]
    _table(now[: len(runs)])
    if opened is not None:
        _open(next(one for one in now if one.run.id == opened.id))
    return now


def _table(rows: Sequence[Reading]) -> None:
    selection = state.get()
    signature = hashlib.sha256("".join(row.run.id for row in rows).encode()).hexdigest()[:12]
    table = st.dataframe(
        [_line(row) for row in rows],
        hide_index=True,
        width="stretch",
        key=f"runs-{selection.runs_closed}-{signature}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "": st.column_config.TextColumn(width=28, help="The open run"),
            "state": st.column_config.TextColumn(width=92),
            "kind": st.column_config.TextColumn(width=96),
            "what": st.column_config.TextColumn(width=204),
            "done": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d %%", width=96),
            "left": st.column_config.TextColumn(width=82),
            "took": st.column_config.TextColumn(width=82),
            "started (UTC)": st.column_config.TextColumn(width=90),
            "by": st.column_config.TextColumn(width=46),
            "run": st.column_config.TextColumn(
                width=78, help="The first characters of its id, which obce runs show accepts"
            ),
        },
    )
    selected = table["selection"]["rows"]
    if selected and selected[0] < len(rows) and rows[selected[0]].run.id != selection.run:
        selection.run = rows[selected[0]].run.id
        st.rerun()


def _percent(one: Reading) -> int:
    return 100 if one.status.state == "done" else 0 if one.status.state == "queued" else one.progress.percent


def _line(one: Reading) -> dict[str, Any]:
    status, left = one.status, one.progress.seconds_left
    kind, what, made = cached_results.run_about(one.run.id, str(runs_home()))
    return {
        "": "●" if one.run.id == state.get().run else "",
        "state": state_words(status.state),
        "kind": kind,
        "what": what,
        "done": _percent(one),
        "left": duration(left) if poll.works(status) and left is not None else "",
        "took": _took(status),
        "started (UTC)": _day(status.started or made),
        "by": status.launcher or "shell",
        "run": one.run.id[:8],
    }


def _open(one: Reading) -> None:
    """Show one run."""
    kind, what, _ = cached_results.run_about(one.run.id, str(runs_home()))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(kind, anchor=False)
        if st.button("Close", key=f"close-{one.run.id}", type="tertiary", icon=":material/close:"):
            _close()
    st.html(f'<p class="note plain">{escape(what)}</p>')
    _show(one)
    results.evaluations(one.run)


def _close() -> None:
    selection = state.get()
    selection.run = ""
    selection.runs_closed += 1  # clears the tick of its row
    st.rerun()


def _show(one: Reading) -> None:
    run, status, progress = one.run, one.status, one.progress
    is_cancelling = run.cancel_requested() and status.state not in FINAL
    count = f"{progress.done:,} of {progress.total:,} {progress.what}" if progress.total else ""
    rate = (
        f"{amount(progress.rate, 2)} {progress.what} a second"
        if progress.rate is not None and poll.works(status)
        else ""
    )
    layout.facts(
        [
            (
                "state",
                "‖ stopping" if is_cancelling else state_words(status.state),
                "",
                status.reason if status.state != "failed" and len(status.reason) <= _SHORT else "",
            ),
            ("progress", f"{_percent(one)} %" if progress.total or status.state == "done" else "–", "", count),
            ("time left", _left(status, progress), "", rate),
            (
                "took",
                _took(status) or "–",
                "",
                f"started {_clock(status.started)} UTC" if status.started else "not started",
            ),
            ("attempt", str(status.attempt), "", f"batch halved {status.halvings} times" if status.halvings else ""),
            ("started by", status.launcher or "a shell", "", public_address(status.launch.get("address"))),
        ]
    )
    if status.state not in FINAL:
        st.progress(_percent(one) / 100)
    if status.state == "failed":
        guards.show_error(ObceError(status.reason or "The log has the details."))
    elif len(status.reason) > _SHORT:
        layout.note(f'<span class="plain">{escape(status.reason)}</span>')
    _actions(run, status)
    results.curves(run)
    log = run.log(6_000)
    with st.expander("End of the log", expanded=status.state in ("failed", "lost")):
        st.code(log or "The log is empty.", language=None, wrap_lines=True, height=220)


def _actions(run: Run, status: Status) -> None:
    writable = status.state == "done" or guards.writable("Cancelling and resuming")
    with st.container(horizontal=True, gap="small"):
        if status.state not in FINAL:
            st.button(
                "Cancel",
                key=f"runs-cancel-{run.id}",
                icon=":material/stop_circle:",
                on_click=_safely,
                args=(run, "cancel"),
                disabled=run.cancel_requested() or not writable,
                help="Stops after the current step; finished results are kept",
            )
        if status.state in RESUMABLE:
            st.button(
                "Resume",
                key=f"runs-resume-{run.id}",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_safely,
                args=(run, "resume"),
                disabled=not writable,
                help="Continues from the newest valid checkpoint",
            )
        st.code(f"obce runs show {run.id}", language="bash")
    if (error := state.get().run_error) and error[0] == run.id:
        guards.show_error(ObceError(error[1]))


def _safely(run: Run, action: str) -> None:
    """Cancel or resume a run; an error is stored and shown when the page is drawn."""
    state.get().run_error = ("", "")
    try:
        if action == "cancel":
            poll.cancel(run)
        else:
            launcher_of(run).resume(run)
    except ObceError as error:
        state.get().run_error = (run.id, str(error))


def _left(status: Status, progress: Progress) -> str:
    if status.state in FINAL:
        return "–"
    if status.state == "running" and not poll.works(status):
        return "not known"
    return duration(progress.seconds_left) if progress.seconds_left is not None else "not known yet"


def _took(status: Status) -> str:
    if status.started is None:
        return ""
    return duration((status.ended or time.time()) - status.started)


def _day(moment: float) -> str:
    """Return a time as month, day and minute in the current year, and as a date in other years."""
    this_year = time.gmtime(moment).tm_year == time.gmtime().tm_year
    return time.strftime("%m-%d %H:%M" if this_year else "%Y-%m-%d", time.gmtime(moment))


def _clock(moment: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment)) if moment else ""
