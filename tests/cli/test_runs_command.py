"""`obce runs`: list, show, log, cancel, resume, rm, drill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from obce_core.cli import main
from obce_core.jobs import FINAL, LocalLauncher, Run, find_run, list_runs


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command and return its exit code with what it answered, as JSON."""

    def call(*words: str) -> tuple[int, Any]:
        code = main(["runs", *words, "--json"])
        told = capsys.readouterr()
        return code, json.loads(told.out or told.err)

    return call


def wait(run: Run, state: str) -> None:
    import time

    deadline = time.monotonic() + 60
    while LocalLauncher().probe(run).state not in {state, *FINAL}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert run.status().state == state


def test_a_run_is_started_followed_cancelled_resumed_and_removed(
    tell: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = tell("drill", "--steps", "60", "--seconds", "0.1", "--every", "5")
    assert code == 0
    run = find_run(told["run"])
    wait(run, "running")
    code, told = tell("cancel", run.id[:8])
    assert (code, told["state"], told["reason"]) == (0, "cancelled", "asked to stop")
    assert tell("cancel", run.id)[1]["message"] == f"Run {run.id} has ended: cancelled."
    assert tell("list", "--state", "cancelled")[1]["runs"][0]["run"] == run.id
    code, told = tell("resume", run.id)
    assert (code, told["attempt"]) == (0, 2)
    code, told = tell("rm", run.id)
    assert code == 2 and "is at work" in told["message"]
    wait(run, "done")
    code, told = tell("show", run.id)
    assert (told["state"], told["attempt"], told["result"]["steps"], told["launcher"]) == ("done", 2, 60, "local")
    assert main(["runs", "show", run.id]) == 0 and main(["runs", "list"]) == 0 and main(["runs", "log", run.id]) == 0
    out = capsys.readouterr().out
    assert "60 of 60 steps" in out and "weights_sha256" in out.replace(" ", "_") and "attempt 2" in out
    code, told = tell("rm", run.id)
    assert code == 0 and list_runs() == []
    assert main(told["undo"].split()[1:]) == 0
    assert [found.id for found in list_runs()] == [run.id]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "nothing-here"), "There is no run 'nothing-here'."),
        (("list", "--state", "asleep"), "'asleep' is not a state; expected one of queued"),
        (("drill", "--launcher", "kubernetes"), "Unknown launcher 'kubernetes'; known: local, ray"),
        (("drill", "--address", "http://127.0.0.1:8265"), "--address is for --launcher ray, not local."),
    ],
)
def test_what_cannot_be_is_a_line(words: tuple[str, ...], message: str, tell: Any, cache: Path) -> None:
    code, told = tell(*words)
    assert code == 2 and told["message"].startswith(message)


def test_an_empty_list_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list"]) == 0
    assert capsys.readouterr().out == "No runs here.\n"


def test_the_list_tells_the_time_left_where_it_is_known(
    tell: Any, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import time

    from obce_core.jobs import Status, create_run

    run, _ = create_run("drill", {}, "working-run", launcher="local")
    create_run("drill", {}, "ended-run", launcher="local")[0].write_status(
        Status(state="failed", reason="no", launcher="local")
    )
    run.write_status(Status(state="running", started=time.time(), launcher="local"))
    lines = ((0, time.time() - 10), (10, time.time()))
    text = "".join(
        json.dumps({"t": at, "done": done, "total": 100, "what": "steps", "attempt": 1}) + "\n" for done, at in lines
    )
    for folder in (run.folder, run.folder.with_name("ended-run")):
        (folder / "progress.jsonl").write_text(text)
    with run.hold():
        rows = {row["run"]: row for row in tell("list")[1]["runs"]}
        assert (
            rows["working-run"]["seconds_left"] == pytest.approx(90, abs=1)
            and rows["ended-run"]["seconds_left"] is None
        )
        assert main(["runs", "list"]) == 0
        listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
        assert "10/100 steps" in listed["working-run"] and listed["working-run"].endswith("about 1 min 30 s left")
        assert listed["ended-run"].endswith("no")
