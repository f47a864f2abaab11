"""The queue of this machine: runs in order of submission, each started when a slot is free.

There is no service. Every observer moves the queue: a submit, the end of a job, a page, `obce runs list`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from obce_core.errors import BadInput, DiskFull
from obce_core.jobs.kinds import all_kinds
from obce_core.jobs.registry import list_runs
from obce_core.jobs.run import Run
from obce_core.jobs.slots import Slot, queue_lock, take_slot
from obce_core.jobs.status import Status

Start = Callable[[Run, int, int, Slot], None]
"""A function that starts a run, given its attempt, the handle of its lock, and its slot."""

_STARTS = 3
"""A run whose start was tried so often, and whose worker never said a word, is not tried again."""


def dispatch(launcher: str, start: Start, *, seconds: float = 20.0) -> list[Run]:
    """Start a launcher's waiting runs while slots are free; finish those that were cancelled before they began.

    Handles are locked here and handed on, so that between two owners a run is never without one.
    """
    started = []
    with queue_lock(seconds):
        full: set[bool] = set()
        for run, status in waiting(launcher):
            try:
                if _step(run, status, start, full):
                    started.append(run)
            except (
                OSError,
                DiskFull,
            ) as error:  # its folder cannot be written: the runs behind it must not wait for that
                run.log_or_ignore(f"could not be started: {error}")
    return started


def _step(run: Run, status: Status, start: Start, full: set[bool]) -> bool:
    """Finish a cancelled run, or start a waiting one if a slot is free; return True if it was started."""
    why = run.fault()
    if run.cancel_requested():
        run.write_status(replace(status, state="cancelled", reason="asked to stop", ended=time.time()))
    elif why:
        run.write_status(replace(status, state="failed", reason=f"damaged: {why}", ended=time.time()))
    elif status.starts >= _STARTS:
        reason = "its worker ended before it said a word, three times; the log has the details"
        run.write_status(replace(status, state="failed", reason=reason, ended=time.time()))
    elif (gpu := wants_gpu(run)) not in full:
        slot = take_slot(gpu=gpu)
        if slot is None:
            full.add(gpu)
        else:
            return _begin(run, status, slot, start)
    return False


def waiting(launcher: str) -> list[tuple[Run, Status]]:
    """List a launcher's runs that wait and have no owner, the longest waiting first."""
    runs = []
    for run in list_runs():
        status = run.stored()
        if status is not None and status.state == "queued" and status.launcher == launcher and not run.is_held():
            runs.append((run, status))
    return sorted(runs, key=lambda pair: (pair[1].queued or 0.0, pair[0].id))


def wants_gpu(run: Run) -> bool:
    """Return True if a job would use a GPU if there is one."""
    spec = run.spec
    return would_use_gpu(str(spec["kind"]), str(spec["options"].get("device", "auto")))


def would_use_gpu(kind: str, device: str) -> bool:
    """Return True if a job of this kind on this device would use a GPU if there is one."""
    kinds = all_kinds()
    return kind in kinds and kinds[kind].gpu and (device == "auto" or device.startswith("cuda"))


def _begin(run: Run, status: Status, slot: Slot, start: Start) -> bool:
    try:
        lock = run.take()
    except (BadInput, OSError) as error:
        slot.close()
        if isinstance(error, OSError):
            reason = f"could not be started: {error.strerror or error}: {run.folder / 'worker.lock'}"
            run.write_status(replace(status, state="failed", reason=reason, ended=time.time()))
        return False
    with run.hold(lock):
        try:
            run.write_status(replace(status, starts=status.starts + 1))
            start(run, status.attempt, lock, slot)
        except OSError as error:
            run.write_status(
                replace(
                    status, state="failed", reason=f"could not be started: {error.strerror or error}", ended=time.time()
                )
            )
            return False
        finally:
            slot.close()
    return True
