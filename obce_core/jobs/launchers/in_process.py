"""A launcher for tests: a thread of this process does the work, with the same folder, queue and slots."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from obce_core.jobs.attempts import next_attempt
from obce_core.jobs.launchers.base import needed_memory
from obce_core.jobs.queue import dispatch
from obce_core.jobs.registry import create_run
from obce_core.jobs.run import Run
from obce_core.jobs.slots import Slot
from obce_core.jobs.status import Status
from obce_core.jobs.worker import execute


class InProcessLauncher:
    """Queue jobs and do them in threads; what does not ask whether it is to end cannot be ended."""

    name = "in-process"

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def submit(self, kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> Run:
        """Queue a job, or return the one that this nonce already queued."""
        memory = needed_memory(kind, options, here=True)
        run, fresh = create_run(kind, options, nonce, form=form, launcher=self.name, memory=memory)
        if fresh:
            dispatch(self.name, self._start)
        return run

    def probe(self, run: Run) -> Status:
        """Return a job's state; one that waits is started if it can be."""
        if run.status().state == "queued":
            dispatch(self.name, self._start)
        return run.status()

    def cancel(self, run: Run) -> None:
        """Ask a job to end."""
        run.cancel()
        self.probe(run)

    def resume(self, run: Run) -> Run:
        """Queue a job that ended without a result once more."""
        next_attempt(run, launcher=self.name)
        dispatch(self.name, self._start)
        return run

    def _start(self, run: Run, attempt: int, lock: int, slot: Slot) -> None:
        mine, place = os.dup(lock), os.dup(slot.handle)

        def work() -> None:
            try:
                execute(run, attempt=attempt, lock=mine)
            except BaseException as error:  # the folder says so already
                run.add_log(f"{type(error).__name__}: {error}")
            finally:
                os.close(place)
            dispatch(self.name, self._start)

        self.threads.append(threading.Thread(target=work, name=f"run {run.id}", daemon=True))
        self.threads[-1].start()
