"""Attempts: a run is begun once, and again after each cancel, failure or loss; only the current attempt may write.

The number in `status.json` is the fence. A worker writes through its `Attempt`, which looks at that number last before
each rename; a newer attempt first raises the number and then sweeps what lies half-written, so an older worker that
wakes up in between finds either the number raised or its file gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import BadInput, DiskFull, Superseded
from obce_core.jobs.run import Run
from obce_core.jobs.slots import queue_lock
from obce_core.jobs.status import FINAL, RESUMABLE, Status
from obce_core.storage.atomic import write_json
from obce_core.storage.checkpoints import sweep_stale

HALVINGS = 2
"""After want of memory a job is tried so often again, each time at half the batch."""

_ENDING = 5.0
"""Seconds that a worker and its keeper may take to end, once the last state is written."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a run: what its worker and keeper write goes through here."""

    run: Run
    number: int

    def guard(self) -> None:
        """Raise Superseded when this attempt is no longer the run's."""
        status = self.run.stored()
        if status is not None and status.attempt != self.number:
            raise Superseded(
                f"Attempt {self.number} of run {self.run.id} may write no more: attempt {status.attempt} has begun."
            )

    def write(self, **changes: Any) -> Status:
        """Change fields of the status."""
        status = replace(self.run.stored() or Status(state="queued"), **changes)
        self._fenced(lambda: self.run.write_status(status, guard=self.guard))
        return status

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write what came out."""
        self._fenced(lambda: write_json(self.run.folder / "result.json", result, guard=self.guard))

    def _fenced(self, write: Callable[[], None]) -> None:
        try:
            write()
        except FileNotFoundError:
            self.guard()
            raise
        except DiskFull:
            if not self.run.release_reserve():
                raise
            write()  # into the space that was kept for it


def sweep(run: Run) -> None:
    """Remove what an earlier attempt left half-written."""
    for path in run.folder.glob("*.tmp-*"):
        path.unlink(missing_ok=True)
    sweep_stale(run.folder / "checkpoints")


def next_attempt(run: Run, *, lost_contact: bool = False, seen: int | None = None, **changes: Any) -> int:
    """Restart a run that ended: increase its attempt number, put it back into the queue, and return the number.

    Args:
        lost_contact: its lock may still be held by an unreachable worker; the run gets a new lock.
        seen: the attempt that was seen to end.
        changes: further fields of the status (`launcher`, `halvings`, `reason`).

    Raises:
        BadInput: the run is done, waiting or at work.
        Superseded: the run is past the attempt `seen`; another process restarted it first.
    """
    refuse_if_read_only("Resuming a job")
    with queue_lock():
        status = run.stored()
        if status is not None and seen is not None and status.attempt != seen:
            raise Superseded(f"Run {run.id} is at attempt {status.attempt} already.")
        if status is None:
            raise BadInput(f"The status of run {run.id} cannot be read.", hint="obce fsck --repair")
        state = (
            status.state if status.state in FINAL else run.status().state
        )  # one that is still ending is waited for below
        if not lost_contact and state not in RESUMABLE:
            raise BadInput(f"Run {run.id} is {state}; only a run that ended without a result can be resumed.")
        if not _is_freed(run, 0.0 if lost_contact else _ENDING):
            if not lost_contact:
                raise BadInput(f"Run {run.id} is still ending.", hint="Try again in a moment.")
            os.rename(run.folder / "worker.lock", run.folder / f"worker.lock.tmp-{status.attempt}")
        updated = replace(
            status,
            state="queued",
            attempt=status.attempt + 1,
            queued=time.time(),
            started=None,
            ended=None,
            starts=0,
            process={},
        )
        updated = replace(updated, **{"reason": "", **changes})
        run.reserve()
        for name in ("CANCEL", "STOPPING"):
            (run.folder / name).unlink(missing_ok=True)
        while True:  # an earlier worker that woke up between the two may have written once more
            run.write_status(updated)
            sweep(run)
            if run.stored() == updated:
                break
    run.log_or_ignore(f"attempt {updated.attempt}" + (f": {updated.reason}" if updated.reason else ""))
    return updated.attempt


def next_try(attempt: Attempt, reason: str) -> Attempt | None:
    """Return the next attempt with half the batch after running out of memory; None after two halvings.

    Only where the options name a batch size larger than what is left to halve.
    """
    run = attempt.run
    status = run.stored()
    size = batch_size(run.spec["options"], (status.halvings if status else 0) + 1)
    if status is None or status.halvings >= HALVINGS or size is None:
        return None
    reason_ = f"batch size {size} after: {reason}"
    attempt_ = Attempt(run, attempt.number + 1)
    attempt.write(attempt=attempt_.number, halvings=status.halvings + 1, reason=reason_, process={})
    sweep(run)
    run.log_or_ignore(f"attempt {attempt_.number}: {reason_}")
    return attempt_


def batch_size(options: Mapping[str, Any], halvings: int) -> int | None:
    """Return the batch size of some options after a number of halvings; None if it cannot be halved."""
    size = options.get("batch_size")
    return size >> halvings if isinstance(size, int) and size >> halvings >= 1 else None


def _is_freed(run: Run, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while run.is_held():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
