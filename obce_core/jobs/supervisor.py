"""The supervisor: the parent process of a local worker. It records the exit, frees the slot and starts the next run.

`python -m obce_core.jobs.supervisor RUN_DIR --attempt N --lock FD --slot FD --gpu NAME` inherits the locked handles
from the process that started it. It waits for the memory that the job needs, starts the worker, makes a cancel happen
when the worker does not answer, begins again at half the batch after want of memory (twice at most), and moves the
queue. Should the supervisor itself be killed, the worker continues, and its end, or the next look at the queue, starts
the next run.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from obce_core.errors import DiskFull, Superseded
from obce_core.jobs.attempts import Attempt, next_try
from obce_core.jobs.exit_status import Death, name_death
from obce_core.jobs.launchers.base import gigabytes
from obce_core.jobs.launchers.local import move_queue
from obce_core.jobs.process import end_group, identify
from obce_core.jobs.run import Run
from obce_core.jobs.spawn import command, environment
from obce_core.jobs.status import FINAL
from obce_core.jobs.worker import places
from obce_core.storage.atomic import open_regular
from obce_core.storage.disk_space import fullest
from obce_core.storage.resources import free_memory, memory_kills

GRACE = 2.5
"""Seconds in which a worker must acknowledge a cancel."""

AFTER_TERM = 1.0
"""Seconds between SIGTERM and SIGKILL."""

ANSWERED = 60.0
"""Seconds in which a worker that acknowledged a cancel must save its checkpoint."""

AFTER_END = 10.0
"""Seconds that a worker's process may take to exit after it wrote a final state."""

_DEAF = 3
"""Progress records after SIGTERM from which on a worker counts as unresponsive: one long step would write one."""

_BY_A_FULL_DISK = (1, -signal.SIGBUS)
"""How a process ends that cannot write a page that it mapped, or its last state."""

_LOOK = 0.2


@dataclass
class Supervisor:
    """Supervises one run from its start to its end."""

    run: Run
    lock: int
    slot: int
    gpu: str
    signalled: list[float] = field(default_factory=list)

    def keep(self, number: int) -> None:
        """Run attempts until the run has a final state."""
        attempt: Attempt | None = Attempt(self.run, number)
        while attempt is not None and self._wait_for_memory(attempt):
            kills = memory_kills()
            worker = self._start(attempt)
            forced = self._watch(worker)
            end_group(worker.pid, signal.SIGKILL)  # what it forked must not hold its lock
            attempt = self._settle(attempt, Death(worker.returncode, forced=forced, starved=memory_kills() > kills))

    def _wait_for_memory(self, attempt: Attempt) -> bool:
        need = self.run.spec.get("memory")
        last_reason = ""
        while need is not None and not self._cancelled() and (free := free_memory()) < need:
            reason = f"waits for memory: needs about {gigabytes(need)}, {gigabytes(free)} are free"
            if reason != last_reason:
                attempt.write(reason=reason)
                last_reason = reason
            time.sleep(_LOOK)
        if self._cancelled():
            attempt.write(state="cancelled", reason="asked to stop", ended=time.time())
            return False
        if last_reason:
            attempt.write(reason="")
        return True

    def _start(self, attempt: Attempt) -> subprocess.Popen[bytes]:
        arguments = ("--attempt", str(attempt.number), "--lock", str(self.lock), "--slot", str(self.slot), "--kept")
        selected = {"CUDA_VISIBLE_DEVICES": self.gpu} if self.gpu else {}
        attempt.write(process={"keeper": identify(os.getpid())})
        return subprocess.Popen(
            command("obce_core.jobs.worker", self.run.folder, *arguments, nice=0),
            stdin=subprocess.DEVNULL,
            env={**environment(), **self.run.spec.get("environment", {}), **selected},
            start_new_session=True,
            pass_fds=(self.lock, self.slot),
        )

    def _watch(self, worker: subprocess.Popen[bytes]) -> bool:
        """Wait for the worker's end; return whether it had to be forced."""
        cancelled_at: float | None = None
        final: float | None = None
        forced, lines_before = False, 0
        while True:
            try:
                worker.wait(_LOOK)
                return forced
            except subprocess.TimeoutExpired:
                pass
            now = time.monotonic()
            stored = self.run.stored()
            if stored is not None and stored.state in FINAL:
                final = final or now
                if now - final > AFTER_END:
                    end_group(worker.pid, signal.SIGKILL)
                continue
            if not self._cancelled():
                continue
            cancelled_at = cancelled_at or now
            event = (self.run.folder / "STOPPING").exists() and not (forced and self._lines() - lines_before >= _DEAF)
            grace = ANSWERED if event else GRACE
            if now - cancelled_at > grace and not forced:
                end_group(worker.pid, signal.SIGTERM)
                forced, lines_before = True, self._lines()
            if now - cancelled_at > grace + AFTER_TERM:
                end_group(worker.pid, signal.SIGKILL)

    def _settle(self, attempt: Attempt, death: Death) -> Attempt | None:
        """Write the final state if the worker did not; return the next attempt if there is one."""
        status = self.run.stored()
        if status is None or status.attempt != attempt.number or status.state in FINAL:
            return None
        state, reason, starved = name_death(death, status, cancelled=self.run.cancel_requested())
        again = next_try(attempt, reason) if starved else None
        if again is not None:
            return again
        full = fullest(places(self.run)) if death.code in _BY_A_FULL_DISK and not death.forced else None
        if full is not None:
            state, reason = "failed", f"its process ended and could not say why. {full}"
        self.run.log_or_ignore(f"attempt {attempt.number}: {state}: {reason}")
        attempt.write(state=state, reason=reason, ended=time.time())
        self.run.release_reserve()
        return None

    def _lines(self) -> int:
        """Count the worker's progress records."""
        try:
            with open_regular(self.run.folder / "progress.jsonl") as stream:
                return stream.read().count(b"\n")
        except OSError:
            return 0

    def _cancelled(self) -> bool:
        return bool(self.signalled) or self.run.cancel_requested()


def main(arguments: list[str] | None = None) -> int:
    """Supervise one run; the exit code is 0 whatever its final state."""
    parser = argparse.ArgumentParser(prog="python -m obce_core.jobs.supervisor")
    parser.add_argument("folder", type=Path)
    for name in ("--attempt", "--lock", "--slot"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--gpu", default="")
    given = parser.parse_args(arguments)
    for handle in (given.lock, given.slot):
        os.set_inheritable(handle, False)
    keeper = Supervisor(run=Run(given.folder.resolve()), lock=given.lock, slot=given.slot, gpu=given.gpu)
    signal.signal(signal.SIGTERM, lambda *_: keeper.signalled.append(time.monotonic()))
    try:
        keeper.keep(given.attempt)
    except (Superseded, DiskFull) as error:
        with suppress(OSError):
            print(error, file=sys.stderr)
    finally:
        os.close(given.slot)
        os.close(given.lock)
        move_queue(60.0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
