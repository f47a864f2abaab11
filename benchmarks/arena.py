"""The setting of a fault injection: an empty cache per scenario, the faults found in it, and `obce fsck` at its end."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from obce_core.cache.fsck import check, repair
from obce_core.jobs import FINAL, LocalLauncher, Run, create_run, list_runs
from obce_core.jobs.process import is_same
from obce_core.jobs.worker import execute


@dataclass(frozen=True)
class Job:
    """The job under test: about ten seconds of work with a checkpoint every second or so is best."""

    kind: str = "drill"
    options: Mapping[str, Any] = field(
        default_factory=lambda: {"steps": 150, "seconds": 0.02, "every": 10, "pause": 0.02}
    )

    def with_options(self, **changes: Any) -> Job:
        return Job(self.kind, {**self.options, **changes})


@dataclass
class Outcome:
    """How a scenario went: what was done how often, figures, what is wrong."""

    name: str
    what: str
    figures: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def expect(self, so: object, words: str) -> None:
        if not so:
            self.wrong.append(words)


@contextmanager
def arena(name: str, what: str, **settings: str) -> Iterator[Outcome]:
    """Give a scenario an empty cache, and hold that against the seven conditions in the end."""
    outcome = Outcome(name, what)
    with tempfile.TemporaryDirectory(prefix="obce-fault_injection-", ignore_cleanup_errors=True) as folder:
        chosen = {"OBCE_CACHE": folder, "OBCE_JOBS": "1", "OMP_NUM_THREADS": "1"} | settings
        kept = {key: os.environ.get(key) for key in chosen}
        os.environ.update(chosen)
        begun = time.monotonic()
        try:
            yield outcome
            outcome.wrong += [fault.describe() for fault in check().faults]
            repair()
            outcome.wrong += [f"after repair: {fault.describe()}" for fault in check().faults]
        finally:
            _end_all()
            outcome.figures["seconds"] = round(time.monotonic() - begun, 1)
            for key, value in kept.items():
                os.environ.pop(key) if value is None else os.environ.update({key: value})


def until(reached: Callable[[], Any], seconds: float = 120.0, every: float = 0.01) -> float:
    """Wait until something is so and return the seconds that it took; TimeoutError when it never is."""
    begun = time.monotonic()
    while not reached():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"still not so after {seconds:.0f} s: {[(run.id, run.status()) for run in list_runs()]}")
        time.sleep(every)
    return time.monotonic() - begun


def worker_pid(run: Run) -> int:
    """Return the pid of a run's live worker, once it has said it."""

    def told() -> int | None:
        status = run.stored()
        worker = status.process.get("worker", {}) if status is not None and status.state == "running" else {}
        return int(worker["pid"]) if worker and is_same(worker) else None

    until(told)
    pid = told()
    if pid is None:
        raise TimeoutError(f"the worker of run {run.id} ended at once")
    return pid


def answer(job: Job, outcome: Outcome) -> str:
    """Do the job undisturbed, in this process, and return the sha256 of its weights; a run like any other, so fsck
    compares too."""
    result = execute(create_run(job.kind, job.options)[0])
    outcome.figures["undisturbed"] = result["weights_sha256"][:12]
    return str(result["weights_sha256"])


def finish(run: Run, right: str, outcome: Outcome) -> None:
    """Wait for a run's end and hold its answer against the undisturbed one."""
    launcher = LocalLauncher()
    until(lambda: launcher.probe(run).state in FINAL)
    result = run.result() or {}
    outcome.expect(run.status().state == "done", f"run {run.id} ended as {run.status().state}: {run.status().reason}")
    outcome.expect(result.get("weights_sha256") == right, f"run {run.id}: other weights than the undisturbed run")


def _end_all() -> None:
    """End what a scenario left at work, each by the process that its run names."""
    for run in list_runs():
        told = run.stored()
        if told is None or told.state in FINAL:
            continue
        run.cancel()
        for who in ("keeper", "worker"):
            named = told.process.get(who, {})
            if is_same(named) and int(named["pid"]) != os.getpid():
                os.kill(int(named["pid"]), signal.SIGKILL)
    for run in list_runs():  # a keeper writes into the queue's folder until its very end
        told = run.stored()
        keeper = told.process.get("keeper", {}) if told is not None else {}
        until(lambda keeper=keeper: not is_same(keeper), 20)
