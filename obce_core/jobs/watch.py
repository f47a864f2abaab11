"""How runs are, for somebody who looks often and must not be kept waiting: a page.

A cluster's word is fetched beside, every few seconds, and waited for no longer than a moment; one that does not answer at all holds
up nobody. The local launcher has no service to ask: its runs say themselves how they are, and `move_queue` starts what waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from obce_core.errors import ObceError, shorten
from obce_core.jobs.folder import Run
from obce_core.jobs.launchers import launcher_of
from obce_core.jobs.state import FINAL, Status

ASK_SECONDS = 4.0
"""Between two questions to the same cluster."""

WAIT_SECONDS = 0.8
"""So long a look waits for the answer; a later one has it."""


@dataclass
class _Round:
    """One round of questions to a cluster, about several runs."""

    begun: float = 0.0
    thread: threading.Thread | None = None
    silent: dict[Run, str] = field(default_factory=dict)

    def due(self) -> bool:
        return (self.thread is None or not self.thread.is_alive()) and time.monotonic() - self.begun >= ASK_SECONDS


_ROUNDS: dict[str, _Round] = {}
_LOCK = threading.Lock()


def told(run: Run) -> Status:
    """Return a job's state by its folder.

    Of a cluster's run a silent worker is not the end: whether its node was lost is for the launcher to find out, which takes the run up
    again (see `look`). It is lost once that was written down.
    """
    found = run.status()
    if found.state != "lost" or found.launcher != "ray":
        return found
    stored = run.stored()
    return found if stored is None or stored.state in FINAL else replace(stored, reason=_silence(run, stored))


def look(runs: Sequence[Run], *, wait: float = WAIT_SECONDS) -> list[Status]:
    """Return the states of some jobs, in their order, after asking the clusters that have charge of them, if it is time to.

    Args:
        wait: seconds in all to wait for answers; what comes later is seen by the next look.
    """
    by_address: dict[str, list[Run]] = {}
    for run in runs:
        stored = run.stored()
        if stored is not None and stored.launcher == "ray" and stored.state not in FINAL:
            by_address.setdefault(str(stored.launch.get("address")), []).append(run)
    until = time.monotonic() + wait
    for thread in [_ask(address, asked) for address, asked in by_address.items()]:
        thread.join(max(0.0, until - time.monotonic()))
    return [told(run) for run in runs]


def probe(run: Run) -> Status:
    """Return one job's state, as its launcher does, but wait for no cluster longer than `look` does."""
    stored = run.stored()
    return look([run])[0] if stored is not None and stored.launcher == "ray" else launcher_of(run).probe(run)


def cancel(run: Run) -> None:
    """Ask a job to end; a cluster that does not obey the run's folder is asked by the looks that follow."""
    run.cancel()
    probe(run)


def _ask(address: str, runs: list[Run]) -> threading.Thread:
    """Return the thread that asks a cluster about some runs, or that of the round before, where it is not time for another."""
    with _LOCK:
        known = _ROUNDS.setdefault(address, _Round())
        if known.thread is None or known.due():
            known.begun = time.monotonic()
            # A daemon: a cluster that never answers does not keep the server from ending.
            known.thread = threading.Thread(target=_probe, args=(known, runs), name=f"look at {address}", daemon=True)
            known.thread.start()
        return known.thread


def _probe(known: _Round, runs: list[Run]) -> None:
    for run in runs:
        try:
            answer = launcher_of(run).probe(run)
        except ObceError as error:
            known.silent[run] = shorten(error, 200)
        except Exception as error:  # a client library's own; a thread has nobody to raise to, so the page says it
            known.silent[run] = f"{type(error).__name__}: {shorten(error, 200)}"
        else:
            known.silent[run] = "its cluster does not answer" if answer.state == "lost" else answer.reason


def _silence(run: Run, stored: Status) -> str:
    """Say what is known of a worker that shows no sign of life."""
    known = _ROUNDS.get(str(stored.launch.get("address")))
    why = known.silent.get(run, "") if known is not None else ""
    return why if why.startswith("no sign of life") else f"no sign of life from its worker; {why or 'its cluster is asked'}"
