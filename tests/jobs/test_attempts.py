"""Attempts, deaths and identities: who may write, what a death is called, which process it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from launching import nobody_left, until

from obce_core import settings
from obce_core.errors import BadInput, Superseded
from obce_core.jobs import (
    FINAL,
    KINDS,
    Context,
    Kind,
    LocalLauncher,
    Run,
    Status,
    all_kinds,
    create_run,
    kind_of,
    list_runs,
)
from obce_core.jobs.attempts import Attempt, batch_size, next_attempt, next_try
from obce_core.jobs.exit_status import EXIT_MEMORY, Death, name_death
from obce_core.jobs.launchers import local
from obce_core.jobs.memory import LIBRARIES
from obce_core.jobs.process import identify, is_same
from obce_core.jobs.slots import take_slot
from obce_core.jobs.supervisor import Supervisor
from obce_core.jobs.worker import execute
from obce_core.storage.checkpoints import committed


@pytest.fixture
def run() -> Run:
    return create_run("drill", {"steps": 3, "seconds": 0.0, "batch_size": 20}, launcher="local")[0]


def test_only_the_current_attempt_may_write(run: Run) -> None:
    first = Attempt(run, 1)
    first.write(state="running")
    assert next_attempt(run, lost_contact=True, reason="no contact") == 2
    told = run.stored()
    assert told is not None and (told.state, told.attempt, told.reason) == ("queued", 2, "no contact")
    for write in (first.guard, lambda: first.write(state="done"), lambda: first.write_result({})):
        with pytest.raises(Superseded, match=r"Attempt 1 of run .* may write no more: attempt 2 has begun"):
            write()
    assert run.stored() == told and run.result() is None
    with pytest.raises(Superseded):
        execute(run, attempt=1)
    assert execute(run, attempt=2)["attempt"] == 2


def test_a_write_that_is_swept_between_its_guard_and_its_rename_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, real = Attempt(run, 1), os.replace

    def overtaken(source: Any, target: Any) -> None:
        monkeypatch.setattr(os, "replace", real)
        next_attempt(run, lost_contact=True)
        real(source, target)

    monkeypatch.setattr(os, "replace", overtaken)
    with pytest.raises(Superseded):
        first.write(state="done")
    told = run.stored()
    assert told is not None and (told.state, told.attempt) == ("queued", 2)


@pytest.mark.parametrize("state", ["queued", "running", "done"])
def test_what_waits_works_or_is_done_cannot_be_resumed(state: str, run: Run) -> None:
    with run.hold():
        run.write_status(Status(state=state, launcher="local"))
        with pytest.raises(BadInput, match=f"is {state}; only a run that ended without a result can be resumed"):
            next_attempt(run)


def test_a_resume_takes_the_wish_to_end_back(run: Run) -> None:
    run.cancel()
    run.write_status(Status(state="cancelled", reason="asked to stop"))
    next_attempt(run, launcher="local")
    assert not run.cancel_requested() and run.status() == Status(state="queued", attempt=2)


# --- want of memory


@pytest.mark.parametrize(
    ("options", "halvings", "size"),
    [({"batch_size": 32}, 1, 16), ({"batch_size": 3}, 1, 1), ({"batch_size": 1}, 1, None), ({}, 1, None)],
)
def test_the_batch_is_halved_as_long_as_there_is_one(options: dict[str, int], halvings: int, size: int | None) -> None:
    assert batch_size(options, halvings) == size


def test_two_tries_at_half_the_batch_and_no_more(run: Run) -> None:
    attempt: Attempt | None = Attempt(run, 1)
    sizes = []
    while (attempt := next_try(attempt, "out of memory")) is not None:
        told = run.stored()
        assert told is not None
        sizes.append((told.attempt, told.halvings, told.reason))
    assert sizes == [(2, 1, "batch size 10 after: out of memory"), (3, 2, "batch size 5 after: out of memory")]
    assert run.log().count("batch size") == 2
    assert execute(run)["batch_size"] == 5


def test_without_a_keeper_the_worker_halves_the_batch_itself(run: Run, tmp_path: Path) -> None:
    options = {"steps": 2, "seconds": 0.0, "hoard": 2_000_000_000, "batch_size": 32}
    starved, _ = create_run("drill", options)
    done = subprocess.run(
        [sys.executable, "-m", "obce_core.jobs.worker", str(starved.folder)],
        env=os.environ | {"OBCE_JOB_MEMORY": "1500M"},
        cwd=settings.project_root(),
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (starved.status().state, starved.status().attempt, (starved.result() or {})["batch_size"]) == ("done", 2, 16)


def test_a_job_that_cannot_fit_is_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.jobs.launchers.base.total_memory", lambda: 8_000_000_000)
    with pytest.raises(BadInput, match=r"needs about 9.0 GB; this machine has 8.0 GB"):
        LocalLauncher().submit("drill", {"memory": 9_000_000_000})
    monkeypatch.setenv("OBCE_JOB_MEMORY", "1G")
    with pytest.raises(BadInput, match=r"needs about 2.0 GB; OBCE_JOB_MEMORY allows 1.1 GB"):
        LocalLauncher().submit("drill", {"memory": 2_000_000_000})
    assert list_runs() == []


def test_a_job_waits_for_memory_and_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, _ = create_run("drill", {"steps": 2}, launcher="local", memory=3_000_000_000)
    free = [1_000_000_000]
    monkeypatch.setattr("obce_core.jobs.supervisor.free_memory", lambda: free[0])
    keeper = Supervisor(run=waiting, lock=-1, slot=-1, gpu="")
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(keeper._wait_for_memory(Attempt(waiting, 1))))
    with waiting.hold():
        thread.start()
        until(lambda: waiting.status().reason)
        assert waiting.status() == Status(
            state="queued", reason="waits for memory: needs about 3.0 GB, 1.0 GB are free"
        )
        free[0] = 4_000_000_000
        thread.join()
        assert answers == [True] and waiting.status().reason == ""
        free[0] = 0
        waiting.cancel()
        assert keeper._wait_for_memory(Attempt(waiting, 1)) is False
    assert (waiting.status().state, waiting.status().reason) == ("cancelled", "asked to stop")


@pytest.mark.parametrize("kind", [name for name in all_kinds() if name not in ("drill", "evaluate")])
def test_the_memory_of_a_job_is_the_libraries_and_so_many_times_the_weights(
    kind: str, tiny_folder: Path, tiny_analysis: Any
) -> None:
    estimate = kind_of(kind).memory
    assert estimate is not None
    named = {"model": str(tiny_folder), "against": str(tiny_folder), "analysis": str(tiny_analysis.folder)}
    weights = (tiny_folder / "model.safetensors").stat().st_size
    assert 1.5 * weights < (estimate(named) or 0) - LIBRARIES < 7 * weights
    assert estimate(dict.fromkeys(named, "owner/on-the-hub")) is None
    assert estimate({}) is None


# --- deaths: exit code, forced, the kernel short of memory, cancelled; state, a word of the reason, want of memory
DEATHS = [
    (Death(-9), False, "lost", "killed (SIGKILL)", False),
    (Death(-9, starved=True), False, "failed", "out of memory: the system ended it", True),
    (Death(-9, forced=True, starved=True), True, "cancelled", "asked to stop; it did not answer", False),
    (Death(-15, forced=True), False, "cancelled", "paused by signal; it did not answer", False),
    (Death(-15), False, "cancelled", "paused by signal", False),
    (Death(-11), False, "failed", "crashed (SIGSEGV)", False),
    (Death(EXIT_MEMORY), False, "failed", "out of memory", True),
    (Death(1), False, "failed", "exited unexpectedly (exit code 1)", False),
]


@pytest.mark.parametrize(("death", "cancelled", "state", "words", "starved"), DEATHS)
def test_a_death_has_a_name(death: Death, cancelled: bool, state: str, words: str, starved: bool) -> None:
    told = name_death(death, Status(state="running"), cancelled=cancelled)
    assert (told[0], told[2]) == (state, starved) and words in told[1]


def test_a_pid_is_no_name_of_a_process() -> None:
    me = identify(os.getpid())
    assert (
        is_same(me) and not is_same({}) and not is_same(me | {"started": "1"}) and not is_same(me | {"boot": "before"})
    )
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    named = identify(child.pid)
    assert is_same(named)
    child.kill()
    child.wait()
    assert not is_same(named) and identify(child.pid) == {}


def test_a_process_that_stays_after_its_final_state_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.jobs.supervisor.AFTER_END", 0.3)
    run.write_status(Status(state="done"))
    stuck = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    assert Supervisor(run=run, lock=-1, slot=-1, gpu="")._watch(stuck) is False
    assert stuck.returncode == -signal.SIGKILL
    assert run.status() == Status(state="done")


# --- when nobody is there to see it


def test_a_worker_that_lost_its_keeper_goes_on_and_starts_the_next_run(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_JOBS", "1")
    with nobody_left():
        first = LocalLauncher().submit("drill", {"steps": 60, "seconds": 0.02})
        until(lambda: first.progress().done > 2)
        second = LocalLauncher().submit("drill", {"steps": 3})
        assert second.status().state == "queued"
        os.kill(first.stored().process["keeper"]["pid"], signal.SIGKILL)
        until(lambda: first.status().state == "done" and second.status().state == "done")  # nobody looks at the queue


def test_a_worker_that_lost_its_keeper_and_does_not_answer_is_ended_by_who_looks(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_PATIENCE", 1.0)
    launcher = LocalLauncher()
    with nobody_left():
        run = launcher.submit("drill", {"steps": 10_000, "deaf_from": 1})
        until(lambda: run.progress().done > 2)
        os.kill(run.stored().process["keeper"]["pid"], signal.SIGKILL)
        launcher.cancel(run)
        until(lambda: launcher.probe(run).state == "lost", every=0.1)


def test_a_worker_that_never_says_a_word_is_tried_three_times(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from obce_core.jobs.queue import dispatch

    tried = [len(dispatch("local", lambda *_: None)) for _ in range(5)]
    assert tried == [1, 1, 1, 0, 0]
    assert run.status().state == "failed" and "three times" in run.status().reason


def test_a_gpu_is_a_slot_of_its_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    slots = [take_slot(gpu=True), take_slot(gpu=True), take_slot(gpu=True), take_slot(gpu=False)]
    assert [slot and (slot.name, slot.gpu) for slot in slots] == [("gpu-2", "2"), ("gpu-5", "5"), None, ("cpu-0", "")]
    for slot in slots:
        if slot is not None:
            slot.close()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    slot = take_slot(gpu=True)
    assert slot is not None and slot.name == "cpu-0"
    slot.close()


def test_of_two_who_saw_the_same_attempt_end_one_begins_the_next(run: Run) -> None:
    assert next_attempt(run, lost_contact=True, seen=1) == 2
    with pytest.raises(Superseded, match="attempt 2 already"):
        next_attempt(run, lost_contact=True, seen=1)
    assert run.stored().attempt == 2


def test_a_worker_that_is_told_to_end_says_at_once_that_it_has_heard(cache: Path) -> None:
    """A step may take longer than whoever asked would wait; then it is not ended without a checkpoint."""
    launcher = LocalLauncher()
    run = launcher.submit("drill", {"steps": 3, "seconds": 5.0, "every": 1})
    deadline = time.monotonic() + 60
    while run.progress().done < 1 or not (run.stored() or Status(state="")).process.get("worker"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    launcher.cancel(run)
    while launcher.probe(run).state not in FINAL:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (run.status().state, run.status().reason) == ("cancelled", "asked to stop")
    assert committed(run.folder / "checkpoints")


def test_jobs_share_gpus_evenly_where_they_may(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("OBCE_GPU_JOBS", "2")
    slots = [slot for slot in (take_slot(gpu=True) for _ in range(5)) if slot is not None]
    assert [(slot.name, slot.gpu) for slot in slots] == [
        ("gpu-0", "0"),
        ("gpu-1", "1"),
        ("gpu-0.1", "0"),
        ("gpu-1.1", "1"),
    ]
    for slot in slots:
        slot.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OBCE_JOBS", "0"),
        ("OBCE_JOBS", "many"),
        ("OBCE_GPU_JOBS", "none"),
        ("OBCE_JOB_MEMORY", "much"),
        ("OBCE_JOB_MEMORY", "0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=name):
        {"OBCE_JOBS": settings.jobs_at_once, "OBCE_GPU_JOBS": settings.jobs_a_gpu}.get(name, settings.job_memory)()


def test_a_job_keeps_the_settings_of_who_asked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_GLUE_DIR", "/data/glue")
    monkeypatch.setenv("HF_HUB_CACHE", "/data/hub")
    monkeypatch.setenv("HF_TOKEN", "secret")
    spec = create_run("drill", {})[0].spec
    assert spec["environment"]["HF_HUB_CACHE"] == "/data/hub"
    assert spec["environment"]["OBCE_GLUE_DIR"] == "/data/glue" and "secret" not in str(spec)
    assert settings.job_memory() is None
    monkeypatch.setenv("OBCE_JOB_MEMORY", "8G")
    assert settings.job_memory() == 8 * 1024**3


def test_a_heart_beats_while_the_work_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    silences: list[float] = []

    def work(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
        os.utime(context.folder / "worker.lock", (time.time() - 100,) * 2)
        assert run.silence() > 90
        until(lambda: run.silence() < 5)
        silences.append(run.silence())
        return {}

    monkeypatch.setattr("obce_core.jobs.worker.HEARTBEAT", 0.05)
    monkeypatch.setitem(KINDS, "drill", Kind(name="drill", title="Toy", work=work))
    execute(run)
    assert silences
