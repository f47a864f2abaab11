"""Looks at runs of a cluster: asked now and then, never waited for long, and never called lost before the launcher says
so."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from obce_core.errors import Offline
from obce_core.jobs import Run, Status, create_run, poll
from obce_core.jobs.listing import listing


class Chief:
    """Stands in for the Ray launcher."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []

    def probe(self, run: Run) -> Status:
        self.asked.append(run.id)
        return self.answer(run)


@pytest.fixture
def silent(cache: Any) -> Run:
    """Make a run of a cluster whose worker has said nothing for a minute."""
    launch = {"address": f"http://{cache.parent.name}:8265"}  # a cluster a test
    run, _ = create_run("drill", {}, "silent-run", launcher="ray", launch=launch)
    told = run.stored()
    assert told is not None
    run.write_status(replace(told, state="running", started=time.time() - 90))
    (run.folder / "worker.lock").touch()
    os.utime(run.folder / "worker.lock", (time.time() - 60, time.time() - 60))
    assert run.status().state == "lost"
    return run


def test_a_silent_worker_of_a_cluster_is_not_called_lost(silent: Run) -> None:
    assert poll.run_status(silent).state == "running" and "no sign of life" in poll.run_status(silent).reason
    assert [row.status.state for row in listing()] == ["running"] and not poll.works(poll.run_status(silent))
    silent.write_status(replace(silent.stored(), state="lost", reason="its node was lost, 4 times"))
    assert poll.run_status(silent).reason == "its node was lost, 4 times" and poll.run_status(silent).state == "lost"


def test_a_look_has_the_launcher_take_the_run_up_again(silent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(run: Run) -> Status:
        run.write_status(replace(run.stored(), state="queued", attempt=2, reason="taken up again: its node was lost"))
        return run.status()

    chief = Chief(again)
    monkeypatch.setattr(poll, "launcher_of", lambda run: chief)
    (told,) = poll.look([silent])
    assert (told.state, told.attempt) == ("queued", 2)
    poll.look([silent])
    assert chief.asked == [silent.id]  # not asked twice within seconds
    other, _ = create_run("drill", {}, "other-run", launcher="ray", launch=silent.stored().launch)
    poll.look([silent, other])
    assert chief.asked == [silent.id, other.id]  # but another run at once


def test_a_cluster_that_does_not_answer_holds_up_nobody(silent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def stuck(run: Run) -> Status:
        answer.wait(30)
        raise Offline("The Ray cluster did not answer: timed out")

    chief = Chief(stuck)
    monkeypatch.setattr(poll, "launcher_of", lambda run: chief)
    monkeypatch.setattr(poll, "ASK_SECONDS", 0.0)
    assert poll.look([silent], wait=0.1)[0].state == "running"
    begun = time.monotonic()
    assert all(poll.probe(silent).state == "running" for _ in range(5))
    assert time.monotonic() - begun < 15 and chief.asked == [silent.id]  # one question at a time, waited for once
    answer.set()
    deadline = time.monotonic() + 10
    while "timed out" not in poll.run_status(silent).reason and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (
        poll.run_status(silent).reason == "no sign of life from its worker; The Ray cluster did not answer: timed out"
    )


def test_cancelling_does_not_wait_for_the_cluster(silent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "launcher_of", lambda run: Chief(lambda run: run.status()))
    poll.cancel(silent)
    assert silent.cancel_requested() and "does not answer" in poll.run_status(silent).reason


def test_runs_of_this_machine_are_told_by_their_folders(cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "launcher_of", lambda run: pytest.fail("asked"))
    create_run("drill", {}, "local-run", launcher="local")
    gone, _ = create_run("drill", {}, "gone-run", launcher="local")
    gone.write_status(replace(gone.stored(), state="running"))
    assert sorted(told.state for told in poll.look([row.run for row in listing()])) == ["lost", "queued"]


@pytest.mark.cluster
def test_on_a_real_cluster_a_run_whose_node_was_lost_is_done_by_looks_alone(
    cache: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'obce[ray]'")
    from launching import nobody_left, undisturbed, until, worker_pid

    from benchmarks.clusters import Cluster
    from obce_core.jobs.launchers.ray import RayLauncher

    wanted = undisturbed(tmp_path, steps=120, every=10)
    with Cluster(2) as cluster, nobody_left():
        for name, value in cluster.environment.items():
            monkeypatch.setenv(name, value)
        run = RayLauncher(cluster.address).submit("drill", {"steps": 120, "seconds": 0.1, "every": 10})
        cluster.kill(cluster.node_of(worker_pid(run)))
        seen = set()

        def ended() -> bool:
            (told,) = poll.look([run])
            seen.add(told.state)
            return told.state in poll.FINAL

        until(ended, 240, every=0.5)
        told = run.stored()
        assert told is not None and (told.state, told.attempt) == ("done", 2) and "lost" not in seen
        result = run.result()
        assert result is not None and result["weights_sha256"] == wanted
