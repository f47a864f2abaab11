"""One contract for all launchers: submit, progress, cancel within five seconds, kill, resume, double submit, one
slot."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from launching import LONG, QUICK, SbatchLauncher, ended, nobody_left, undisturbed, until, worker_pid

from obce_core.errors import BadInput, UnknownName
from obce_core.jobs import (
    FINAL,
    LAUNCHERS,
    Launcher,
    LocalLauncher,
    Run,
    create_run,
    launcher_named,
    launcher_of,
    list_runs,
    supervisor,
)
from obce_core.jobs.launcher_kinds import LauncherKind, is_remote
from obce_core.jobs.launchers.in_process import InProcessLauncher
from obce_core.jobs.process import identify
from obce_core.storage.checkpoints import committed

NO_RAY = "Ray is not installed: pip install 'obce[ray]'"
NAMES = ["local", "in-process", "sbatch", pytest.param("ray", marks=pytest.mark.cluster)]


@pytest.fixture(scope="module")
def one_node() -> Iterator[Any]:
    """Start a Ray cluster that can do one job at a time."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip(NO_RAY)
    from benchmarks.clusters import Cluster

    with Cluster(1) as cluster:
        yield cluster


@pytest.fixture(params=NAMES)
def launcher(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    monkeypatch.setenv("OBCE_JOBS", "1")
    with nobody_left():
        if request.param == "ray":
            from obce_core.jobs.launchers.ray import RayLauncher

            cluster = request.getfixturevalue("one_node")
            for name, value in cluster.environment.items():
                monkeypatch.setenv(name, value)
            yield RayLauncher(cluster.address)
        else:
            made = {
                "local": LocalLauncher,
                "in-process": InProcessLauncher,
                "sbatch": lambda: SbatchLauncher(tmp_path / "slurm"),
            }
            yield made[request.param]()


def needs_a_process(launcher: Launcher) -> None:
    if launcher.name == "in-process":
        pytest.skip("a thread cannot be ended from outside")


def test_a_job_makes_progress_and_leaves_its_result_and_the_same_nonce_is_the_same_job(
    launcher: Launcher, tmp_path: Path
) -> None:
    run = launcher.submit("drill", QUICK, "nonce-contract", form="a-form")
    assert launcher.submit("drill", QUICK | {"steps": 7}, "nonce-contract") == run
    assert [found.id for found in list_runs()] == ["nonce-contract"]
    seen = set()
    until(lambda: (seen.add(run.progress().done), launcher.probe(run).state in FINAL)[1])
    assert (run.status().state, run.status().reason) == ("done", "")
    result = run.result()
    assert result is not None and result["weights_sha256"] == undisturbed(tmp_path, **QUICK)
    assert run.progress().done == 40 and len(seen) > 1
    assert [path.name for path in committed(run.folder / "checkpoints")] == ["step-00000030", "step-00000040"]
    with pytest.raises(BadInput, match="is done; only a run that ended without a result can be resumed"):
        launcher.resume(run)


def test_a_cancel_is_obeyed_and_resume_continues_to_the_same_weights(launcher: Launcher, tmp_path: Path) -> None:
    options = QUICK | {"steps": 120, "seconds": 0.05}
    run = launcher.submit("drill", options)
    until(lambda: launcher.probe(run).state == "running" and run.progress().done >= 5)
    launcher.cancel(run)
    until(lambda: launcher.probe(run).state in FINAL)
    assert (run.status().state, run.status().reason) == ("cancelled", "asked to stop")
    stopped_at = run.progress().done
    assert committed(run.folder / "checkpoints") != []
    launcher.resume(run)
    assert ended(launcher, run).state == "done"
    result = run.result()
    assert result is not None and (result["attempt"], run.status().attempt) == (2, 2)
    assert stopped_at <= result["resumed_from"] + 10 and result["resumed_from"] > 0
    assert result["weights_sha256"] == undisturbed(tmp_path, **options)


def test_a_worker_is_killed_less_than_five_seconds_after_a_cancel_that_it_does_not_acknowledge() -> None:
    assert supervisor.GRACE + supervisor.AFTER_TERM < 5


def test_one_that_does_not_answer_is_ended(launcher: Launcher) -> None:
    needs_a_process(launcher)
    run = launcher.submit("drill", LONG | {"deaf_from": 1})
    until(lambda: launcher.probe(run).state == "running" and run.progress().done >= 3)
    pid = worker_pid(run)
    launcher.cancel(run)
    until(lambda: launcher.probe(run).state in FINAL, every=0.0)  # as soon as it is reported, it must be so
    assert not run.is_held()
    if launcher.name == "local":
        assert identify(pid) == {}  # a zombie is none
    else:  # a batch system kills by itself, a moment after the lock is free
        until(lambda: identify(pid) == {})
    assert run.status().state == "cancelled"
    assert run.status().reason.startswith("asked to stop; ")


def test_a_killed_job_is_known_as_such_and_resume_gives_the_same_weights(launcher: Launcher, tmp_path: Path) -> None:
    needs_a_process(launcher)
    options = QUICK | {"steps": 60, "seconds": 0.05}
    run = launcher.submit("drill", options)
    until(lambda: launcher.probe(run).state == "running" and len(committed(run.folder / "checkpoints")) >= 1)
    os.kill(worker_pid(run), signal.SIGKILL)
    until(lambda: launcher.probe(run).state in FINAL)
    assert run.status().state == "lost"
    assert "killed" in run.status().reason
    launcher.resume(run)
    assert ended(launcher, run).state == "done"
    result = run.result()
    assert (
        result is not None
        and result["resumed_from"] >= 10
        and result["weights_sha256"] == undisturbed(tmp_path, **options)
    )


def test_two_jobs_and_one_slot_work_one_after_the_other(launcher: Launcher) -> None:
    first = launcher.submit("drill", QUICK | {"steps": 30, "seconds": 0.05})
    second = launcher.submit("drill", QUICK)
    together: list[tuple[str, str]] = []

    def both() -> list[Run]:
        states = (launcher.probe(first).state, launcher.probe(second).state)
        together.append(states)
        return [run for run in (first, second) if run.status().state == "done"]

    until(lambda: len(both()) == 2, 90)
    assert ("running", "queued") in together
    assert ("running", "running") not in together
    starts, ends = second.status().started, first.status().ended
    assert starts is not None and ends is not None and starts >= ends


def test_an_unknown_kind_leaves_no_folder(launcher: Launcher, cache: Path) -> None:
    if launcher.name == "sbatch":
        pytest.skip("the stand-in checks nothing")
    with pytest.raises(UnknownName, match="Unknown kind of job 'dance'"):
        launcher.submit("dance", {})
    assert list_runs() == []


def test_launchers_are_found_by_name_and_by_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(LAUNCHERS) == {"local", "ray"}
    assert all(launcher_named(name).name == name for name in LAUNCHERS)
    with pytest.raises(UnknownName, match="Unknown launcher 'kubernetes'; known: local, ray"):
        launcher_named("kubernetes")
    assert launcher_of(create_run("drill", {}, launcher="ray")[0]).name == "ray"
    assert launcher_of(create_run("drill", {})[0]).name == "local"


ADDRESSES = [
    (None, "No Ray cluster was named"),
    ("10.0.0.7:8265", "is not an address of a Ray cluster"),
    ("https://10.0.0.7:8265", "can be reached by others, and no token was set"),
    ("http://10.0.0.7:8265", "http://10.0.0.7:8265 is plain http to another machine"),
    ("http://127.0.0.1:9", "No Ray cluster answers at http://127.0.0.1:9"),
]


@pytest.mark.parametrize(("address", "words"), ADDRESSES)
def test_a_cluster_that_cannot_be_used_is_refused_and_leaves_no_run(
    address: str | None, words: str, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    from obce_core.jobs.launchers.ray import RayLauncher

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "OBCE_RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInput, match=words):
        RayLauncher(address).submit("drill", QUICK)
    assert list_runs() == []


class Elsewhere(LocalLauncher):
    """A launcher from outside of the package, for jobs whose locks are not visible here."""

    name = "elsewhere"

    def __init__(self, address: str | None, **_: object) -> None:
        super().__init__()
        self.address = address


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the launcher by one row."""
    kind = LauncherKind(name="elsewhere", title="elsewhere", path=f"{__name__}:Elsewhere", remote=True)
    monkeypatch.setitem(LAUNCHERS, kind.name, kind)
    return kind.name


def test_one_row_makes_a_launcher_known_everywhere(elsewhere: str, cache: Path) -> None:
    from obce_core.cache.fsck.runs import check_runs
    from obce_core.glue.sweep_file import sweep_command

    run, _ = create_run("drill", {}, launcher=elsewhere, launch={"address": "http://there:1"})
    assert isinstance(launcher_of(run), Elsewhere)
    status = run.stored()
    assert status is not None and (status.launch["cpus"], status.launch["python"]) == (1.0, sys.executable)
    run.write_status(replace(status, state="running", started=time.time()))
    (run.folder / "worker.lock").touch()  # a heartbeat, and a lock that nobody holds here
    assert not run.is_held() and run.status().state == "running"
    assert [fault for fault in check_runs() if "holds its lock" in fault.what] == []
    command = sweep_command(
        glue_dir=None,
        save_model=False,
        launcher=elsewhere,
        remote=is_remote(elsewhere),
        address="http://there:1",
        workers=1,
    )
    assert "--launcher elsewhere --address http://there:1" in command


def test_the_lock_of_a_local_worker_decides_and_not_its_heartbeat(cache: Path) -> None:
    run, _ = create_run("drill", {}, launcher="local")
    status = run.stored()
    assert status is not None
    run.write_status(replace(status, state="running", started=time.time()))
    (run.folder / "worker.lock").touch()
    assert run.status().state == "lost"
