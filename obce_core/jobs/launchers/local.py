"""The local launcher: one detached process per job, independent of page, browser and server; no service, no port."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.jobs.attempts import next_attempt
from obce_core.jobs.kinds import kind_of
from obce_core.jobs.launchers.base import needed_memory
from obce_core.jobs.process import end_group, is_same
from obce_core.jobs.queue import dispatch
from obce_core.jobs.registry import create_run
from obce_core.jobs.run import Run
from obce_core.jobs.slots import Slot
from obce_core.jobs.spawn import command, environment
from obce_core.jobs.status import FINAL, Status
from obce_core.storage.atomic import open_append

_NICE = 10
"""Workers give way to the dashboard."""

_PATIENCE = 5.0
"""Seconds after which a worker that has lost its keeper and does not answer a cancel is ended from outside."""

_STARTED: list[subprocess.Popen[bytes]] = []
"""Keepers of this process, kept so that the ended ones are reaped and none is warned of as forgotten."""


class LocalLauncher:
    """Queue, start, probe, cancel and resume jobs on this machine."""

    name = "local"

    def submit(self, kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> Run:
        """Queue a job, or return the one that this nonce already queued, and start it when a slot is free."""
        kind_of(kind)
        memory = needed_memory(kind, options, here=True)
        run, fresh = create_run(kind, options, nonce, form=form, launcher=self.name, memory=memory)
        if fresh:
            self._start(run)
        return run

    def probe(self, run: Run) -> Status:
        """Return a job's state; one that waits is started if it can be."""
        status = run.status()
        if status.state == "queued" and status.launcher == self.name and not run.is_held():
            with suppress(ObceError):  # who holds the queue moves it; what cannot be started says so in its status
                self._start(run)
            status = run.status()
        if status.state not in FINAL and run.cancel_requested():
            _end_forsaken(run, status)
        return status

    def cancel(self, run: Run) -> None:
        """Ask a job to end; its keeper makes it, within five seconds, when it does not answer."""
        run.cancel()
        self.probe(run)

    def resume(self, run: Run) -> Run:
        """Queue a job that ended without a result once more."""
        next_attempt(run, launcher=self.name)
        self._start(run)
        return run

    def _start(self, run: Run) -> None:
        """Move the queue that this run stands in."""
        move_queue()
        status = run.stored()
        if status is not None and status.reason.startswith("could not be started"):
            raise ObceError(f"The worker {status.reason}.")


def move_queue(seconds: float = 5.0) -> list[Run]:
    """Start what waits on this machine and has room; return what was started. A read-only process starts nothing."""
    if settings.read_only():
        return []
    return dispatch(LocalLauncher.name, _start_keeper, seconds=seconds)


def _start_keeper(run: Run, attempt: int, lock: int, slot: Slot) -> None:
    _STARTED[:] = [keeper for keeper in _STARTED if keeper.poll() is None]
    arguments = ("--attempt", str(attempt), "--lock", str(lock), "--slot", str(slot.handle), "--gpu", slot.gpu)
    with open_append(run.folder / "log.txt") as log:
        keeper = subprocess.Popen(
            command("obce_core.jobs.supervisor", run.folder, *arguments, nice=_NICE),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            cwd=run.folder,
            start_new_session=True,
            close_fds=True,
            pass_fds=(lock, slot.handle),
        )
    _STARTED.append(keeper)


def _end_forsaken(run: Run, status: Status) -> None:
    """Kill a worker that ignores a cancel and has no supervisor, if it is still the recorded process."""
    keeper, worker = status.process.get("keeper", {}), status.process.get("worker", {})
    if not worker or is_same(keeper) or not is_same(worker):
        return
    try:
        now = time.time() - (run.folder / "CANCEL").stat().st_mtime
    except OSError:
        return
    if now > _PATIENCE:
        end_group(int(worker["pid"]), 9)
