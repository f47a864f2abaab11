"""The local launcher: detached processes that leave their word in the folder."""

from __future__ import annotations

import gc
import os
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import sentences

from obce_core.errors import ObceError, UnknownName
from obce_core.jobs import FINAL, LocalLauncher, Run, list_runs
from obce_core.jobs.launchers import local


def until(reached: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Note every process that is started, and wait for all of them in the end."""
    processes: list[Any] = []
    real = subprocess.Popen

    def note(*args: Any, **kwargs: Any) -> Any:
        processes.append(real(*args, **kwargs))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", note)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_an_analysis_runs_in_a_process_of_its_own(tiny_folder: Path, tmp_path: Path, started: list[Any]) -> None:
    from obce_core.analysis.analysis import read_analysis

    (tmp_path / "texts.txt").write_text("\n".join(sentences(9)))
    options = {"model": str(tiny_folder), "texts": str(tmp_path / "texts.txt"), "n_texts": 6}
    launcher = LocalLauncher()
    run = launcher.submit("analyze", options, "nonce-twice", form="a-form")
    assert launcher.submit("analyze", options | {"n_texts": 7}, "nonce-twice") == run
    assert len(started) == 1
    assert os.getsid(started[0].pid) == started[0].pid != os.getsid(0)
    until(lambda: launcher.probe(run).state in FINAL)
    assert (launcher.probe(run).state, run.log()) == ("done", "")
    analysis = read_analysis(run.result()["analysis"])
    assert analysis.meta["texts"]["n"] == 6
    assert (run.progress().done, run.progress().total) == (6, 6)
    assert started[0].wait() == 0
    assert run.status().state == "done"


def test_a_job_cancelled_before_it_starts_never_has_a_process(
    tiny_folder: Path, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = LocalLauncher()
    real = LocalLauncher._start
    monkeypatch.setattr(LocalLauncher, "_start", lambda self, run: (run.cancel(), real(self, run))[1])
    run = launcher.submit("analyze", {"model": str(tiny_folder)})
    assert (run.status().state, run.status().reason) == ("cancelled", "asked to stop")
    assert started == []


def test_a_process_that_cannot_be_started_is_a_failure(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(ObceError, match=r"^The worker could not be started: Resource temporarily unavailable.$"):
        LocalLauncher().submit("analyze", {"model": str(tiny_folder)}, "nonce-fails")
    (run,) = list_runs()
    assert (run.status().state, run.status().reason) == (
        "failed",
        "could not be started: Resource temporarily unavailable",
    )


def test_an_unknown_kind_leaves_no_folder(cache: Path) -> None:
    with pytest.raises(UnknownName, match="Unknown kind of job 'dance'"):
        LocalLauncher().submit("dance", {})
    assert not (cache / "runs").exists()


def test_a_keeper_is_not_forgotten_and_an_ended_one_is_reaped() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first: Run = LocalLauncher().submit("drill", {"steps": 1})
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    (keeper,) = local._STARTED
    until(lambda: first.status().state in FINAL)
    keeper.wait()
    LocalLauncher().submit("drill", {"steps": 1})
    assert keeper not in local._STARTED
    assert local._STARTED[0].wait() == 0
