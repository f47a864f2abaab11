"""A job is a folder: what is written there, by whom, and what it means when somebody dies."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny import sentences

from obce_core.errors import BadInput, Cancelled, DiskFull, ObceError, UnknownName
from obce_core.jobs import (
    FINAL,
    KINDS,
    STATES,
    Context,
    Kind,
    Progress,
    Run,
    Status,
    all_kinds,
    create_run,
    find_live,
    find_run,
    kind_of,
    list_runs,
)
from obce_core.jobs.run import FINISHING
from obce_core.jobs.worker import execute, main
from obce_core.settings import project_root

WORKER = [sys.executable, "-m", "obce_core.jobs.worker"]


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a kind of job that counts to three and then does what its options say."""

    def work(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
        for at in range(1, 4):
            if context.cancelled():
                raise Cancelled("cancelled")
            context.progress(at, 3, "steps")
        faults: dict[str, Callable[[], object]] = {
            "bad input": lambda: kind_of("nothing"),
            "bug": lambda: 1 / 0,
            "memory": lambda: (_ for _ in ()).throw(MemoryError()),
            "torch memory": lambda: (_ for _ in ()).throw(
                RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
            ),
            "cuda memory": lambda: (_ for _ in ()).throw(RuntimeError("CUDA out of memory. Tried to allocate")),
            "disk": lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")),
            "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
        }
        if "fault" in options:
            faults[options["fault"]]()
        return {"counted": 3, **options}

    monkeypatch.setitem(KINDS, "toy", Kind(name="toy", title="Toy", work=work))


@pytest.fixture
def run() -> Run:
    return create_run("toy", {"a": 1})[0]


def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


# --- making one


def test_a_new_run_is_queued_and_its_spec_says_what_was_asked(run: Run, cache: Path) -> None:
    assert run.folder.parent == cache / "runs"
    assert (run.kind, run.spec["options"], run.spec["form"]) == ("toy", {"a": 1}, "")
    assert abs(run.spec["created"] - time.time()) < 60
    assert run.status() == Status(state="queued")
    assert (run.progress(), run.result(), run.log()) == (Progress(), None, "")
    assert sorted(path.name for path in run.folder.iterdir()) == ["reserve", "spec.json", "status.json"]
    assert [path.name for path in run.folder.parent.iterdir()] == [run.id]


def test_the_same_nonce_twice_is_one_run() -> None:
    first, made = create_run("toy", {"a": 1}, "nonce-1")
    second, again = create_run("toy", {"a": 2}, "nonce-1")
    assert (made, again, first, second.spec["options"]) == (True, False, second, {"a": 1})
    assert [found.id for found in list_runs()] == ["nonce-1"]


@pytest.mark.parametrize(
    "nonce",
    ["short", "UPPER-case", "../../etc", "a/b/c/d", "x" * 65, "nonce-1\n", "nonce 1", "nonce.1", "\x00" * 8, "é" * 8],
)
def test_a_nonce_that_is_no_name_is_refused(nonce: str, cache: Path) -> None:
    with pytest.raises(BadInput, match="is not a valid run name: 6 to 64 of a-z, 0-9 and '-'") as caught:
        create_run("toy", {}, nonce)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="There is no run"):
        find_run(nonce)
    assert not (cache / "runs").exists()


def race(cache: str, gate: Any, answers: Any) -> None:
    """Make the run of one nonce at the same moment as others do."""
    os.environ["OBCE_CACHE"] = cache
    gate.wait()
    answers.put(create_run("toy", {"by": os.getpid()}, "nonce-race")[1])


def test_of_processes_that_start_the_same_nonce_one_makes_the_run(cache: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    gate, answers = spawn.Barrier(3), spawn.Queue()
    workers = [spawn.Process(target=race, args=(str(cache), gate, answers)) for _ in range(3)]
    for worker in workers:
        worker.start()
    made = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    answers.close()
    answers.join_thread()
    assert sorted(made) == [False, False, True]
    assert [path.name for path in (cache / "runs").iterdir()] == ["nonce-race"]
    assert find_run("nonce-race").spec["options"]["by"] in {worker.pid for worker in workers}


def test_runs_are_listed_the_newest_first_and_strangers_left_out(cache: Path) -> None:
    assert list_runs() == []
    for nonce in ("first-run", "second-run"):
        create_run("toy", {}, nonce)
    os.utime(create_run("toy", {}, "second-run")[0].folder)  # touch it: its change is the newest
    (cache / "runs" / "notes").mkdir()
    (cache / "runs" / "Strange Name").mkdir()
    (cache / "runs" / "file.txt").write_text("")
    assert [run.id for run in list_runs()] == ["second-run", "first-run"]
    assert find_run("first-run").id == "first-run"
    with pytest.raises(BadInput, match="There is no run 'notes-1'"):
        find_run("notes-1")


def test_a_form_finds_its_live_job_again(run: Run) -> None:
    mine, _ = create_run("toy", {}, form="analysis-form")
    assert find_live("analysis-form") == mine
    assert find_live("other-form") is None
    mine.write_status(Status(state="done"))
    assert find_live("analysis-form") is None


# --- doing one


def test_work_leaves_progress_a_result_and_the_state_done(run: Run) -> None:
    heard: list[tuple[int, int, str]] = []
    assert execute(run, listener=lambda *told: heard.append(told)) == {"counted": 3, "a": 1}
    assert heard == [(1, 3, "steps"), (2, 3, "steps"), (3, 3, "steps")]
    status = run.status()
    assert (status.state, status.reason) == ("done", "")
    assert status.started <= status.ended
    assert run.result() == {"counted": 3, "a": 1}
    assert (run.progress().done, run.progress().total, run.progress().what, run.progress().share) == (
        3,
        3,
        "steps",
        1.0,
    )
    assert not run.is_held()


# what goes wrong, error class, the reason
FAILURES = [
    ("bad input", UnknownName, "Unknown kind of job 'nothing'; known: analyze, compress, toy."),
    ("bug", ZeroDivisionError, "internal error (ZeroDivisionError); the log has the details"),
    ("memory", MemoryError, "out of memory: choose a smaller --batch-size or a smaller model"),
    ("torch memory", RuntimeError, "out of memory: choose a smaller --batch-size or a smaller model"),
    ("cuda memory", RuntimeError, "out of memory: choose a smaller --batch-size or a smaller model"),
    ("disk", DiskFull, "Disk full: "),
]


@pytest.mark.parametrize(("fault", "kind", "reason"), FAILURES, ids=[fault for fault, _, _ in FAILURES])
def test_a_failure_leaves_its_reason_in_words_and_no_result(fault: str, kind: type[BaseException], reason: str) -> None:
    run, _ = create_run("toy", {"fault": fault})
    with pytest.raises(kind):
        execute(run)
    status = run.status()
    assert status.state == "failed"
    assert status.reason.startswith(reason.removesuffix(", toy."))
    assert "\n" not in status.reason
    assert run.result() is None
    assert not run.is_held()


def test_a_kind_that_does_not_exist_is_a_failure_with_the_known_ones() -> None:
    run, _ = create_run("dance", {})
    with pytest.raises(UnknownName):
        execute(run)
    assert run.status().reason.startswith("Unknown kind of job 'dance'; known: analyze, compress")


def test_a_cancelled_job_ends_between_two_steps(run: Run) -> None:
    def listener(done: int, total: int, what: str) -> None:
        if done == 2:
            run.cancel()

    with pytest.raises(Cancelled):
        execute(run, listener=listener)
    assert (run.status().state, run.status().reason) == ("cancelled", "asked to stop")
    assert run.result() is None


def test_a_job_cancelled_while_it_waits_never_begins(run: Run) -> None:
    run.cancel()
    assert run.cancel_requested()
    with pytest.raises(Cancelled, match="Cancelled before it began"):
        execute(run)
    assert run.status().state == "cancelled"
    assert run.progress() == Progress()


def test_an_interrupt_of_the_shell_is_a_cancellation() -> None:
    run, _ = create_run("toy", {"fault": "interrupt"})
    with pytest.raises(KeyboardInterrupt):
        execute(run)
    assert run.status().state == "cancelled"


@pytest.fixture
def keep_sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


# what the job does, the exit code, the last state
CODES = [
    ({}, 0, "done"),
    ({"fault": "bad input"}, 2, "failed"),
    ({"fault": "bug"}, 1, "failed"),
    ({"fault": "memory"}, 1, "failed"),
]


@pytest.mark.parametrize(("options", "code", "state"), CODES, ids=range(len(CODES)))
def test_the_exit_code_says_how_it_ended(
    options: dict[str, str], code: int, state: str, keep_sigterm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = create_run("toy", options)
    assert main([str(run.folder)]) == code
    assert run.status().state == state
    assert ("Traceback" in capsys.readouterr().err) is (code == 1)


def test_a_termination_signal_cancels(keep_sigterm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(options: Mapping[str, Any], context: Context) -> dict[str, Any]:
        assert not context.cancelled()
        os.kill(os.getpid(), signal.SIGTERM)
        assert context.cancelled()
        raise Cancelled("stopped")

    monkeypatch.setitem(KINDS, "toy", Kind(name="toy", title="Toy", work=work))
    run, _ = create_run("toy", {})
    assert main([str(run.folder)]) == 130
    assert run.status().state == "cancelled"


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["no-such-folder"]])
def test_a_worker_without_a_run_says_how_it_is_used(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: python -m obce_core.jobs.worker RUN_DIR")


# --- reading one that is under way, torn or dead


def test_a_torn_line_of_progress_is_skipped(run: Run) -> None:
    path = run.folder / "progress.jsonl"
    lines = [{"t": 100.0 + at, "done": at, "total": 10, "what": "texts"} for at in (2, 4)]
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"t": 106.0, "done": 6, "tot')
    assert run.progress() == Progress(done=4, total=10, what="texts", rate=1.0, seconds_left=6.0)
    path.write_text('{"t": 1')
    assert run.progress() == Progress()


def test_the_time_left_is_of_the_present_part_of_the_work(run: Run) -> None:
    run.add_progress(9, 10, "texts")
    run.add_progress(1, 4, "steps")
    assert run.progress() == Progress(done=1, total=4, what="steps", seconds_left=None)
    assert run.progress().share == 0.25
    assert Progress().share == 0.0


def test_a_jump_is_no_work_and_does_not_shorten_the_time_left(run: Run) -> None:
    path = run.folder / "progress.jsonl"
    told = [
        (0.0, 0),
        (0.2, 10_000),
        (1.2, 10_002),
        (2.2, 10_004),
        (3.2, 10_004),
        (4.2, 10_006),
    ]  # a resume; then an evaluation
    path.write_text(
        "".join(json.dumps({"t": at, "done": done, "total": 10_100, "what": "steps"}) + "\n" for at, done in told)
    )
    assert run.progress().rate == pytest.approx(6 / 4) and run.progress().seconds_left == pytest.approx(94 / 1.5)


def test_only_the_end_of_a_long_progress_and_log_is_read(run: Run) -> None:
    for at in range(2000):
        run.add_progress(at, 2000, "texts")
    assert run.progress().done == 1999
    (run.folder / "log.txt").write_bytes(b"x" * 100_000 + "é end".encode())
    assert len(run.log()) <= 20_000
    assert run.log().endswith("é end")
    assert run.log(limit=5).endswith(" end")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "dancing"}', "null"])
def test_a_run_whose_status_cannot_be_read_is_lost_and_says_why(text: str, run: Run) -> None:
    (run.folder / "status.json").write_text(text)
    assert run.status().state == "lost" and run.status().reason.startswith("damaged: status.json: ")
    with run.hold():
        assert run.status().state == "running"


def test_a_field_of_a_newer_version_is_left_out(run: Run) -> None:
    (run.folder / "status.json").write_text('{"state": "done", "colour": 1}')
    assert run.status() == Status(state="done")


def test_a_worker_that_holds_its_lock_is_alive_and_another_is_refused(run: Run) -> None:
    with run.hold():
        run.write_status(Status(state="running", started=1.0))
        assert run.is_held()
        assert run.status().state == "running"
        with pytest.raises(BadInput, match=f"Run {run.id} already has a worker."), run.hold():
            pytest.fail("two workers")
    assert not run.is_held()
    assert run.status() == Status(
        state="lost", reason="its process is gone (killed, or the machine stopped)", started=1.0
    )


def test_another_process_cannot_take_a_run_that_is_held(run: Run) -> None:
    with run.hold():
        done = subprocess.run(
            [*WORKER, str(run.folder)], capture_output=True, text=True, cwd=project_root(), timeout=60
        )
    assert (done.returncode, done.stderr.strip()) == (2, f"Run {run.id} already has a worker.")
    assert run.status().state == "queued"


def test_a_run_that_no_worker_takes_is_lost_after_a_minute(run: Run) -> None:
    spec = json.loads((run.folder / "spec.json").read_text())
    (run.folder / "spec.json").write_text(json.dumps(spec | {"created": time.time() - 59}))
    assert run.status().state == "queued"
    (run.folder / "spec.json").write_text(json.dumps(spec | {"created": time.time() - 61}))
    assert run.status().state == "lost"


@pytest.mark.parametrize("state", FINAL)
def test_a_final_state_counts_once_the_lock_is_free(state: str, run: Run) -> None:
    written = Status(state=state, reason="because", started=1.0, ended=2.0)
    with run.hold():
        run.write_status(written)
        assert run.status() == Status(state="running", reason=FINISHING, started=1.0)
        assert find_live("") == run
    assert run.status() == written


def test_two_probes_of_a_lock_do_not_see_each_other(run: Run) -> None:
    lock = run.folder / "worker.lock"
    lock.touch()
    with lock.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)  # what a probe holds for an instant
        assert not run.is_held()
    with run.hold():
        assert run.is_held()


@pytest.mark.parametrize("state", FINAL)
def test_a_last_word_stays(state: str, run: Run) -> None:
    run.write_status(Status(state=state, reason="because"))
    assert run.status() == Status(state=state, reason="because")


def test_a_killed_worker_is_lost(tiny_folder: Path) -> None:
    run, _ = create_run("analyze", {"model": str(tiny_folder), "n_texts": 10})
    worker = subprocess.Popen(
        [*WORKER, str(run.folder)],
        cwd=project_root(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(run.is_held)
        until(lambda: run.status().state == "running")
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert (run.status().state, run.status().reason) == ("lost", "its process is gone (killed, or the machine stopped)")
    assert run.result() is None


# --- kinds


def test_states_and_kinds_are_these() -> None:
    assert set(FINAL) < set(STATES)
    assert {"analyze", "compress", "export-onnx"} <= set(all_kinds())
    assert all(kind_of(name).name == name and kind_of(name).title for name in all_kinds())
    with pytest.raises(UnknownName, match=r"Unknown kind of job 'analyse'; known: analyze, .*Did you mean 'analyze'"):
        kind_of("analyse")


def test_errors_of_the_engine_reach_the_status_as_they_are() -> None:
    run, _ = create_run("analyze", {"model": "./no/such/model", "texts": "demo", "offline": False})
    with pytest.raises(ObceError):
        execute(run)
    assert run.status().reason == "No model folder at './no/such/model'. Check the path, or give a hub id (owner/name)."


def test_both_kinds_do_their_work_in_this_process(tiny_folder: Path, tmp_path: Path) -> None:
    from obce_core.analysis.analysis import read_analysis
    from obce_core.compression.result import read_compressed
    from obce_core.plan import make_plan, write_plan

    (tmp_path / "texts.txt").write_text("\n".join(sentences(9)))
    texts = str(tmp_path / "texts.txt")
    run, _ = create_run("analyze", {"model": str(tiny_folder), "texts": texts, "n_texts": 6, "batch_size": 2})
    made = execute(run)
    analysis = read_analysis(made["analysis"])
    assert Path(made["folder"]) == analysis.folder
    assert (run.progress().done, run.progress().total, run.progress().what) == (6, 6, "texts")
    write_plan(make_plan(analysis, percentile=50), tmp_path / "plan.json")
    run, _ = create_run(
        "compress",
        {"analysis": analysis.id, "plan": str(tmp_path / "plan.json"), "out": str(tmp_path / "cut"), "threads": 2},
    )
    made = execute(run)
    assert made == read_compressed(tmp_path / "cut").plain() == run.result()
    assert run.progress().done == run.progress().total


def test_an_analysis_that_is_cancelled_at_work_leaves_no_entry(tiny_folder: Path, cache: Path) -> None:
    run, _ = create_run("analyze", {"model": str(tiny_folder), "texts": "demo", "n_texts": 8, "batch_size": 2})
    with pytest.raises(Cancelled):
        execute(run, listener=lambda done, total, what: run.cancel())
    assert run.status().state == "cancelled"
    assert list((cache / "analyses").iterdir()) == []
