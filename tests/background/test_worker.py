"""The warm worker: asked twice is one answer, what nobody waits for is dropped, and its death costs one answer."""

from __future__ import annotations

import base64
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from obce_core.background import client, functions
from obce_core.background.client import BackgroundWorker
from obce_core.background.process import answer
from obce_core.errors import UnknownName
from tests.browsers import missing

# Speaks the protocol; `do` says how: sleep, die, print between answers, answer somebody else, or echo.
STUB = """
import json, os, sys, time
sys.path.insert(0, os.environ.get("STUB_PATH", ""))
for line in sys.stdin:
    question = json.loads(line)
    what = question["arguments"]
    with open(what["seen"], "a") as seen:
        seen.write(str(what["name"]) + " ")
    time.sleep(what.get("sleep", 0))
    if what.get("die"):
        os._exit(9)
    print(json.dumps({"id": what.get("id", question["id"]), "value": [what["name"], os.getpid()]}), flush=True)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackgroundWorker]:
    stub = tmp_path / "stub.py"
    stub.write_text(STUB)
    monkeypatch.setattr(client, "command", lambda module, *, nice: [sys.executable, str(stub)])
    monkeypatch.setitem(functions.FUNCTIONS, "stub", functions.Function(name="stub", work=lambda _, __: None, limit=5))
    found = BackgroundWorker(log=tmp_path / "warm.log")
    yield found
    found.close()


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    path = tmp_path / "seen"
    path.touch()
    return path


def until(worker: BackgroundWorker, arguments: dict[str, Any], **options: int) -> client.Answer:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = worker.ask("stub", arguments, **options)
        if found.state != "waiting":
            return found
        time.sleep(0.02)
    raise AssertionError("no answer in 20 s")


def test_a_question_is_answered_once_for_all_who_ask(worker: BackgroundWorker, seen: Path) -> None:
    arguments = {"name": "a", "seen": str(seen)}
    found: list[client.Answer] = []
    askers = [threading.Thread(target=lambda: found.append(worker.wait("stub", arguments))) for _ in range(8)]
    for thread in askers:
        thread.start()
    for thread in askers:
        thread.join(20)
    assert {answer.state for answer in found} == {"done"}
    assert {answer.value[0] for answer in found} == {"a"}
    assert seen.read_text().split() == ["a"]


def test_the_first_in_importance_comes_first(worker: BackgroundWorker, seen: Path) -> None:
    first = {"name": "first", "seen": str(seen), "sleep": 0.5}
    assert worker.ask("stub", first).state == "waiting"
    time.sleep(0.2)  # it is at work when the others come
    low = {"name": "low", "seen": str(seen)}
    worker.ask("stub", low, priority=2)
    worker.ask("stub", {"name": "high", "seen": str(seen)}, priority=0)
    until(worker, low, priority=2)
    assert seen.read_text().split() == ["first", "high", "low"]


def test_what_nobody_waits_for_is_never_begun(
    worker: BackgroundWorker, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PATIENCE", 0.2)
    worker.ask("stub", {"name": "first", "seen": str(seen), "sleep": 0.6})
    time.sleep(0.2)
    worker.ask("stub", {"name": "forgotten", "seen": str(seen)})
    time.sleep(0.3)
    assert until(worker, {"name": "wanted", "seen": str(seen)}).value[0] == "wanted"
    assert seen.read_text().split() == ["first", "wanted"]


def test_a_full_queue_takes_nothing_more_and_says_so_by_waiting(
    worker: BackgroundWorker, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_WAITING_LIMIT", 2)
    worker.ask("stub", {"name": "first", "seen": str(seen), "sleep": 0.4})
    time.sleep(0.2)
    for name in "abcd":
        assert worker.ask("stub", {"name": name, "seen": str(seen)}).state == "waiting"
    assert len(worker._waiting) == 2
    assert until(worker, {"name": "d", "seen": str(seen)}).state == "done"  # there is a place in time


def test_what_takes_too_long_is_ended_and_the_next_one_answered(
    worker: BackgroundWorker, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        functions.FUNCTIONS, "stub", functions.Function(name="stub", work=lambda _, __: None, limit=0.4)
    )
    found = until(worker, {"name": "slow", "seen": str(seen), "sleep": 30})
    assert found.state == "failed" and found.reason == "This took more than 0.4 s and was stopped."
    monkeypatch.setitem(functions.FUNCTIONS, "stub", functions.Function(name="stub", work=lambda _, __: None, limit=5))
    assert until(worker, {"name": "quick", "seen": str(seen)}).state == "done"


@pytest.mark.parametrize("fault", [{"die": True}, {"id": "another"}])
def test_a_dead_or_confused_process_is_replaced(worker: BackgroundWorker, seen: Path, fault: dict[str, Any]) -> None:
    before = until(worker, {"name": "before", "seen": str(seen)})
    found = until(worker, {"name": "bad", "seen": str(seen), **fault})
    assert found.state == "failed" and "ended unexpectedly" in found.reason
    after = until(worker, {"name": "after", "seen": str(seen)})
    assert after.state == "done" and after.value[1] != before.value[1]


def test_a_failure_is_tried_again_after_a_while(
    worker: BackgroundWorker, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"name": "bad", "seen": str(seen), "die": True}
    until(worker, arguments)
    until(worker, arguments)
    assert seen.read_text().split() == ["bad"]
    monkeypatch.setattr(client, "_RETRY", 0.0)
    assert worker.ask("stub", arguments).state == "waiting"


def test_answers_beyond_the_memory_are_computed_again(
    worker: BackgroundWorker, seen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_KEPT_BYTES", 1)
    for name in "aba":
        until(worker, {"name": name, "seen": str(seen)})
    assert seen.read_text().split() == ["a", "b", "a"]


def test_after_closing_nobody_waits_for_ever(worker: BackgroundWorker, seen: Path) -> None:
    threading.Timer(0.3, worker.close).start()
    assert worker.wait("stub", {"name": "slow", "seen": str(seen), "sleep": 30}).state in {"waiting", "failed"}


def test_an_unknown_task_is_refused(worker: BackgroundWorker) -> None:
    with pytest.raises(UnknownName, match="Unknown task 'stubb'"):
        worker.ask("stubb", {})


def test_a_fault_of_a_task_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(arguments: Any, _: Any) -> None:
        raise {"value": ValueError, "ours": lambda text: UnknownName("colour", "rde", ["red"])}[arguments["how"]](
            "secret"
        )

    monkeypatch.setitem(functions.FUNCTIONS, "stub", functions.Function(name="stub", work=fail, limit=5))
    told = answer('{"id": "1", "task": "stub", "arguments": {"how": "value"}}', {})
    assert told == {"id": "1", "reason": "Internal error (ValueError); the log has the details."}
    assert "secret" in capsys.readouterr().err
    told = answer('{"id": "2", "task": "stub", "arguments": {"how": "ours"}}', {})
    assert told["reason"] == "Unknown colour 'rde'; known: red. Did you mean 'red'?"


def test_not_a_number_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        functions.FUNCTIONS, "stub", functions.Function(name="stub", work=lambda _, __: float("nan"), limit=5)
    )
    assert "Internal error" in answer('{"id": "1", "task": "stub", "arguments": {}}', {})["reason"]


@pytest.mark.browser
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_pictures_are_drawn_in_the_real_process(tmp_path: Path) -> None:
    worker = BackgroundWorker(log=tmp_path / "warm.log")
    figure = {"data": [{"type": "bar", "y": [1, 2]}], "layout": {"title": {"text": "two bars"}}}
    size = {"figure": figure, "width": 400, "height": 300, "scale": 2}
    try:
        svg = worker.wait("image", {**size, "format": "svg"})
        png = worker.wait("image", {**size, "format": "png"})
    finally:
        worker.close()
    assert svg.state == png.state == "done", svg.reason + png.reason
    assert b"two bars" in base64.b64decode(svg.value)
    header = base64.b64decode(png.value)[:24]
    assert header.startswith(b"\x89PNG") and int.from_bytes(header[16:20], "big") == 800
