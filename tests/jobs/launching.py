"""What the tests of launchers and faults share: waiting, the launchers by name, a stand-in for Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from obce_core.jobs import FINAL, Launcher, Run, Status, create_run
from obce_core.jobs.attempts import next_attempt
from obce_core.jobs.drill import DEFAULTS
from obce_core.jobs.registry import list_runs
from obce_core.jobs.run import Run as Folder
from obce_core.jobs.spawn import command, environment
from obce_core.progress import Context

QUICK = {"steps": 40, "seconds": 0.01, "every": 10}
LONG = {"steps": 100_000, "seconds": 0.02, "every": 10}


def until(reached: Callable[[], Any], seconds: float = 60.0, every: float = 0.02) -> float:
    """Wait until something is so, or fail; return the seconds that it took."""
    begun = time.monotonic()
    while not reached():
        assert time.monotonic() - begun < seconds, "it took too long"
        time.sleep(every)
    return time.monotonic() - begun


def ended(launcher: Launcher, run: Run, seconds: float = 60.0) -> Status:
    """Wait for a run's end and return its last state."""
    until(lambda: launcher.probe(run).state in FINAL, seconds)
    return run.status()


def undisturbed(tmp_path: Path, **options: Any) -> str:
    """Do a drill in this process, without a launcher; return the sha256 of its weights."""
    from obce_core.jobs.drill import drill

    context = Context(progress=lambda *_: None, cancelled=lambda: False, folder=tmp_path / "undisturbed")
    result = drill(DEFAULTS | options | {"seconds": 0.0, "pause": 0.0}, context)
    return str(result["weights_sha256"])


def worker_pid(run: Run) -> int:
    """Return the pid of a run's worker, once it has said it."""
    until(lambda: (told := run.stored()) is not None and told.state == "running" and told.process.get("worker"))
    told = run.stored()
    assert told is not None
    return int(told.process["worker"]["pid"])


@contextmanager
def nobody_left() -> Iterator[None]:
    """At the end, end what still works: cancelled by file, then by its lock's owners."""
    try:
        yield
    finally:
        for run in list_runs():
            told = run.stored()
            if told is not None and told.state not in FINAL:
                run.cancel()
                for who in ("keeper", "worker"):
                    pid = told.process.get(who, {}).get("pid")
                    if pid and pid != os.getpid():
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:
                            continue


SBATCH = """#!/bin/sh
# Stands in for sbatch: one job at a time, in the order of the lock; prints the job's id.
setsid flock {lock} sh "$1" >/dev/null 2>&1 &
echo "Submitted batch job $!"
"""


class SbatchLauncher:
    """Slurm by a stand-in: a script with the same command. It shows that a launcher is no more than this."""

    name = "sbatch"

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(exist_ok=True)
        (home / "sbatch").write_text(SBATCH.format(lock=home / "slot"))

    def submit(self, kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> Run:
        run, fresh = create_run(kind, options, nonce, form=form, launcher=self.name)
        if fresh:
            self._send(run)
        return run

    def probe(self, run: Run) -> Status:
        told = run.stored()
        if told is not None and told.state not in FINAL and run.cancel_requested():
            asked = time.time() - (run.folder / "CANCEL").stat().st_mtime
            if asked > 2 and (pid := told.process.get("worker", {}).get("pid")) and run.is_held():  # scancel
                os.kill(pid, signal.SIGKILL)
            if not run.is_held() and (asked > 2 or told.state == "queued"):
                run.write_status(
                    Status(**told.__dict__ | {"state": "cancelled", "reason": "asked to stop; ended by scancel"})
                )
        return run.status()

    def cancel(self, run: Run) -> None:
        run.cancel()

    def resume(self, run: Run) -> Run:
        next_attempt(run, launcher=self.name)
        self._send(run)
        return run

    def _send(self, run: Folder) -> None:
        told = run.stored()
        assert told is not None
        script = self.home / f"{run.id}-{told.attempt}.sh"
        line = " ".join(command("obce_core.jobs.worker", run.folder, "--attempt", str(told.attempt), nice=0))
        script.write_text(f"#!/bin/sh\n#SBATCH --signal=TERM@30 --requeue\nexec {line} >> {run.folder}/log.txt 2>&1\n")
        assert sys.executable in line
        subprocess.run(
            ["sh", str(self.home / "sbatch"), str(script)], check=True, capture_output=True, env=environment()
        )
