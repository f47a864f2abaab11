"""The panel of a job on a page: progress, result and Cancel. Its state is read from the job's folder every second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.formatting import amount, duration
from obce_core.jobs import FINAL, LocalLauncher, Progress, Run, find_live, find_run, launcher_of
from pages._shared import guards, state

_GLYPHS = {"queued": "○", "running": "◐", "done": "●", "failed": "✕", "cancelled": "‖", "lost": "?"}


def start(form: str, kind: str, options: Mapping[str, Any]) -> None:
    """Start a job for a form; submitting the same form twice starts one job."""
    visitor = state.get()
    run = LocalLauncher().submit(kind, options, visitor.nonce(form), form=form)
    visitor.runs[form] = visitor.run = run.id


def panel(form: str, on_done: Callable[[dict[str, Any]], None], *, shared: bool = False) -> bool:
    """Show the form's job, if any; return True while it is running or queued.

    `on_done` is called once with the result. A job is shown to the visitor who started it, and found again by the
    address after a reload. With `shared`, where the form's name identifies the computation, it is shown to all
    visitors.
    """
    visitor = state.get()
    if form not in visitor.runs:
        live = find_live(form) if shared else _own(form)  # after a reload the session is new, the job is not
        if live is None:
            return False
        visitor.runs[form] = live.id
    try:
        run = find_run(visitor.runs[form])
    except ObceError:
        visitor.runs.pop(form)
        return False
    status = run.status()
    if status.state == "done":
        result = run.result()
        _forget(form)
        if result is not None:
            on_done(result)
        return False
    if status.state in FINAL:
        _ended(form, run)
        return False
    _live(run)
    return True


def _own(form: str) -> Run | None:
    """Return the job that the address names, if it belongs to this form and has not ended."""
    try:
        run = find_run(state.get().run) if state.get().run else None
    except ObceError:
        return None
    return run if run is not None and run.spec.get("form") == form and run.status().state not in FINAL else None


@st.fragment(run_every=0.7)
def _live(run: Run) -> None:
    with guards.caught():
        _progress(run)


def _progress(run: Run) -> None:
    status = launcher_of(run).probe(run)  # probing also starts queued jobs
    if status.state in FINAL:
        st.rerun()
    progress = run.progress()
    st.progress(progress.share, text=_words(run, status.state, status.reason, progress))
    st.button(
        "Cancel",
        key=f"cancel-{run.id}",
        icon=":material/stop_circle:",
        on_click=launcher_of(run).cancel,
        args=(run,),
        disabled=run.cancel_requested() or settings.read_only(),
    )
    st.caption(f"Run {run.id}. It continues if you leave or close this page.")


def _words(run: Run, state: str, reason: str, progress: Progress) -> str:
    """Return the progress of a job in words: count, speed, time left."""
    if run.cancel_requested():
        return "‖ Stopping after this step"
    if state == "queued":
        return f"{_GLYPHS[state]} Waiting for a process" + (f" ({reason})" if reason else "")
    if not progress.total:
        return f"{_GLYPHS[state]} Starting: reading the model and the texts"
    if progress.done >= progress.total:
        return f"{_GLYPHS[state]} All {progress.total:,} {progress.what} done; writing the result"
    parts = [f"{_GLYPHS[state]} {progress.done:,} of {progress.total:,} {progress.what}"]
    if progress.rate is not None and progress.what == "texts":
        parts.append(f"{amount(progress.rate, 2)} texts a second")
    if progress.seconds_left is not None:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return " · ".join(parts)


def _ended(form: str, run: Run) -> None:
    status = run.status()
    words = {"failed": "Failed", "cancelled": "Cancelled", "lost": "Lost"}[status.state]
    guards.show_error(ObceError(f"{_GLYPHS[status.state]} {words}: {status.reason}"))
    # No stretched width: a share of a narrow panel would clip the label.
    st.button("Dismiss", key=f"dismiss-{run.id}", on_click=_forget, args=(form,))
    if status.state != "cancelled":
        with st.expander("Log"):
            st.code(run.log() or "The log is empty.", language=None)


def _forget(form: str) -> None:
    visitor = state.get()
    if visitor.runs.pop(form, None) == visitor.run:
        visitor.run = ""
    visitor.renew(form)
