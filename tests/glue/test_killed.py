"""An evaluation whose worker is killed goes on, and ends with the weights of one that was not disturbed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import SMALL

from obce_core.cache.fsck import check
from obce_core.cache.fsck.folders import check_since, committed_units
from obce_core.glue.evaluation import evaluations_home, list_evaluations
from obce_core.glue.execute import perform
from obce_core.glue.execution import Execution
from obce_core.glue.job import plain_units, read_curve
from obce_core.glue.unit import Unit, Variant, prepare
from obce_core.jobs import LocalLauncher
from obce_core.jobs.run import Run
from obce_core.storage.checkpoints import committed


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over threads depend on how many there are; another test may have changed it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def until(true, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def worker_of(run: Run) -> int:
    told = run.stored()
    assert told is not None
    return int(told.process["worker"]["pid"])


def test_a_killed_worker_loses_no_more_than_an_interval(
    folder: Path, glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = Unit(
        variant=Variant(label="original", model=str(folder)),
        task="mrpc",
        seed=0,
        recipe=replace(SMALL, epochs=60, batch_size=8),
    )
    options = {"units": plain_units([unit]), "glue_dir": str(glue), "device": "cpu", "threads": 1, "save_every": 4}
    launcher = LocalLauncher()
    run = launcher.submit("evaluate", options)
    ready = prepare(unit, glue_dir=glue)
    home = evaluations_home() / ".work" / ready.id / "checkpoints"
    until(lambda: len(committed(home)) >= 2)
    os.kill(worker_of(run), signal.SIGKILL)
    until(lambda: launcher.probe(run).state in ("lost", "failed"))
    assert list_evaluations() == []
    before, reached = committed_units(), committed(home)[-1].name
    launcher.resume(run)
    until(lambda: launcher.probe(run).state == "done")
    (made,) = list_evaluations()
    assert made.result["resumed"] >= int(reached[5:])
    assert [fault.what for fault in check_since(before)] == [] and check().sound
    steps = [row["step"] for row in read_curve(run.folder) if "validation_f1" in row]
    assert steps == sorted(set(steps)) and steps[-1] == 360
    monkeypatch.setenv("OBCE_CACHE", str(tmp_path / "undisturbed"))
    whole = perform(prepare(unit, glue_dir=glue), Execution(device="cpu"))
    assert made.result["threads"] == whole.result["threads"]
    assert made.result["weights_sha256"] == whole.result["weights_sha256"]
