"""Non-blocking run status for polling pages.

A cluster's word is fetched beside, every few seconds, and waited for no longer than a moment; one that does not answer
at all holds up nobody. The local launcher has no service to ask: its runs say themselves how they are, and `move_queue`
starts what waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from obce_core.errors import ObceError, shorten
from obce_core.jobs.launcher_kinds import is_remote
from obce_core.jobs.launchers import launcher_of
from obce_core.jobs.run import Run
from obce_core.jobs.status import FINAL, Status

ASK_SECONDS = 4.0
"""Between two questions to the same cluster."""

WAIT_SECONDS = 0.8
"""So long the look that asks waits for the answer; a later one has it."""

_SILENT = "no sign of life"


@dataclass
class _Cluster:
    """The state of polling one cluster: the asking thread, the time of each request, and reasons for silence."""

    thread: threading.Thread | None = None
    asked: dict[Run, float] = field(default_factory=dict)
    said: dict[Run, str] = field(default_factory=dict)

    def due(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs to ask about now: none while an answer is waited for."""
        if self.thread is not None and self.thread.is_alive():
            return []
        now = time.monotonic()
        return [run for run in runs if now - self.asked.get(run, -ASK_SECONDS) >= ASK_SECONDS]


_CLUSTERS: dict[str, _Cluster] = {}
"""By address."""

_LOCK = threading.Lock()


def run_status(run: Run) -> Status:
    """Return a job's state by its folder.

    Of a cluster's run a silent worker is not the end: whether its node was lost is for the launcher to find out, which
    takes the run up again (see `look`). It is lost once that was written down.
    """
    status = run.status()
    if status.state != "lost" or not is_remote(status.launcher):
        return status
    stored = run.stored()
    return status if stored is None or stored.state in FINAL else replace(stored, reason=_silence(run, stored))


def works(status: Status) -> bool:
    """Return True if a job runs and has reported lately, so that its speed predicts its end."""
    return status.state == "running" and not status.reason.startswith(_SILENT)


def look(runs: Sequence[Run], *, wait: float = WAIT_SECONDS) -> list[Status]:
    """Return the states of some runs in order, after querying their clusters if a query is due.

    Args:
        wait: seconds in all to wait for answers; what comes later is seen by the next look.
    """
    by_address: dict[str, list[Run]] = {}
    for run in runs:
        stored = run.stored()
        if stored is not None and is_remote(stored.launcher) and stored.state not in FINAL:
            by_address.setdefault(str(stored.launch.get("address")), []).append(run)
    until = time.monotonic() + wait
    for thread in [_ask(address, asked) for address, asked in by_address.items()]:
        if thread is not None:
            thread.join(max(0.0, until - time.monotonic()))
    return [run_status(run) for run in runs]


def probe(run: Run) -> Status:
    """Return one job's state, as its launcher does, but wait for no cluster longer than `look` does."""
    stored = run.stored()
    return look([run])[0] if stored is not None and is_remote(stored.launcher) else launcher_of(run).probe(run)


def cancel(run: Run) -> None:
    """Ask a job to end; a cluster that does not obey the run's folder is asked by the looks that follow."""
    run.cancel()
    probe(run)


def _ask(address: str, runs: list[Run]) -> threading.Thread | None:
    """Query a cluster about the runs that are due; return the waiting thread, or None without a new query."""
    with _LOCK:
        known = _CLUSTERS.setdefault(address, _Cluster())
        due = known.due(runs)
        if not due:
            return None
        known.asked |= dict.fromkeys(due, time.monotonic())
        # A daemon: a cluster that never answers does not keep the server from ending.
        known.thread = threading.Thread(target=_probe, args=(known, due), name=f"look at {address}", daemon=True)
        known.thread.start()
        return known.thread


def _probe(known: _Cluster, runs: list[Run]) -> None:
    for run in runs:
        try:
            answer = launcher_of(run).probe(run)
        except ObceError as error:
            known.said[run] = shorten(error, 200)
        # raised by a client library; a thread has no caller to raise to, so the page shows it
        except Exception as error:
            known.said[run] = f"{type(error).__name__}: {shorten(error, 200)}"
        else:
            known.said[run] = "its cluster does not answer" if answer.state == "lost" else answer.reason


def _silence(run: Run, stored: Status) -> str:
    """Say what is known of a worker that shows no sign of life."""
    known = _CLUSTERS.get(str(stored.launch.get("address")))
    message = known.said.get(run, "") if known is not None else ""
    return (
        message
        if message.startswith(_SILENT)
        else f"{_SILENT} from its worker; {message or 'its cluster has not said yet why'}"
    )
