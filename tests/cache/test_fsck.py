"""The seven conditions: a sound cache is called sound, and each breach is found, named and, where that is safe,
mended."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from obce_core.cache.fsck import CONDITIONS, check, repair
from obce_core.cache.library import find_entry, remove, restore
from obce_core.cli import main
from obce_core.glue.workspace import only_one
from obce_core.jobs import Run, create_run, list_runs
from obce_core.jobs.worker import execute
from obce_core.plan import PruneSpec
from obce_core.plan.storage import write_draft
from obce_core.storage.atomic import write_json
from obce_core.storage.checkpoints import commit
from obce_core.storage.staging import staged_folder

QUICK = {"steps": 20, "seconds": 0.0, "every": 5}


@pytest.fixture
def home(cache: Path) -> Path:
    """Fill a cache with two equal runs that are done, one that was cancelled, a unit and a draft."""
    for name in ("run-one", "run-two"):
        execute(create_run("drill", QUICK, name)[0])
    stopped, _ = create_run("drill", QUICK | {"seed": 1}, "run-stopped")
    stopped.cancel()
    with pytest.raises(Exception, match="Cancelled"):
        execute(stopped)
    with staged_folder(cache / "evaluations" / "unit-1") as stage:
        (stage / "numbers.json").write_text("[1, 2]")
    write_draft("analysis-1", PruneSpec(), seen="")
    return cache


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    write_json(path, change(json.loads(path.read_text())))


def test_a_sound_cache_is_sound(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check().faults == ()
    assert main(["fsck"]) == 0
    assert capsys.readouterr().out == "sound\n"
    assert main(["fsck", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sound"] and set(told["conditions"]) == set(CONDITIONS) == {f"N{number}" for number in range(1, 8)}
    assert told["committed"]["runs/run-one/checkpoints"] == "20" and "evaluations/unit-1" in told["committed"]
    assert check().committed == told["committed"]


def test_an_empty_cache_is_sound(cache: Path) -> None:
    assert check().sound and check().committed == {}


# what is done to the cache, the condition it breaches, a word of the message
BREACHES: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("run gone", lambda home: shutil.rmtree(home / "runs/run-one"), "N1", "acknowledged and is gone"),
    (
        "spec changed",
        lambda home: edit(home / "runs/run-one/spec.json", lambda spec: spec | {"kind": "analyze"}),
        "N1",
        "sha256",
    ),
    (
        "unit cut",
        lambda home: os.truncate(home / "evaluations/unit-1/numbers.json", 2),
        "N3",
        "numbers.json has 2 bytes",
    ),
    (
        "checkpoint cut",
        lambda home: os.truncate(home / "runs/run-one/checkpoints/step-00000020/random.json", 2),
        "N3",
        "random.json",
    ),
    ("checkpoint bare", lambda home: (home / "runs/run-one/checkpoints/step-00000099").mkdir(), "N3", "MANIFEST"),
    ("status torn", lambda home: (home / "runs/run-one/status.json").write_text("{"), "N3", "torn"),
    ("done without result", lambda home: (home / "runs/run-one/result.json").unlink(), "N4", "no result"),
    (
        "no reason",
        lambda home: edit(home / "runs/run-stopped/status.json", lambda told: told | {"reason": ""}),
        "N4",
        "is cancelled without a reason",
    ),
    (
        "attempt from the future",
        lambda home: edit(
            home / "runs/run-one/checkpoints/step-00000020/MANIFEST.json", lambda told: told | {"attempt": 2}
        ),
        "N5",
        "is of attempt 2, and the run is at 1",
    ),
    (
        "another answer",
        lambda home: edit(home / "runs/run-two/result.json", lambda told: told | {"weights_sha256": "0" * 64}),
        "N6",
        "differs from run run-one",
    ),
    ("draft torn", lambda home: (home / "plans/analysis-1/draft.json").write_text('{"intent": {'), "N7", "draft.json"),
]


@pytest.mark.parametrize(("what", "breach", "condition", "words"), BREACHES, ids=[breach[0] for breach in BREACHES])
def test_a_breach_is_found(
    what: str,
    breach: Callable[[Path], object],
    condition: str,
    words: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    breach(home)
    faults = [fault for fault in check().faults if fault.condition == condition]
    assert len(faults) == 1 and words in faults[0].describe(), [fault.describe() for fault in check().faults]
    assert main(["fsck"]) == 1
    assert words in capsys.readouterr().out


def test_what_was_committed_before_and_is_gone_is_found(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fsck", "--json"]) == 0
    (tmp_path / "before.json").write_text(capsys.readouterr().out)
    assert main(["fsck", "--since", str(tmp_path / "before.json")]) == 0
    shutil.rmtree(home / "runs/run-one/checkpoints/step-00000020")
    shutil.rmtree(home / "evaluations/unit-1")
    assert main(["fsck", "--since", str(tmp_path / "before.json")]) == 1
    out = capsys.readouterr().out
    assert (
        "N2  " in out
        and "unit-1: was committed before and is gone" in out
        and "was at step 20 before and is at step 15" in out
    )
    (tmp_path / "before.json").write_text("[]")
    assert main(["fsck", "--since", str(tmp_path / "before.json")]) == 2


def test_a_run_that_was_removed_on_purpose_is_not_missed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "rm", "run-one", "--json"]) == 0
    step = json.loads(capsys.readouterr().out)["trash"]
    assert check().sound
    assert main(["cache", "rm", f"trash/{step}"]) == 0
    assert check().sound and [run.id for run in list_runs()] != []


def test_repair_sweeps_what_has_no_owner_and_leaves_the_rest(home: Path) -> None:
    run = Run(home / "runs/run-stopped")
    run.write_status(replace(run.stored() or pytest.fail(), state="running", reason=""))
    (home / "runs/run-one/checkpoints/step-00000025.tmp-abc").mkdir()
    (home / "runs/run-one/status.json.tmp-abc").write_text("{")
    (home / "evaluations/unit-2.tmp-new").mkdir()
    old = home / "evaluations/unit-3.tmp-old"
    old.mkdir()
    os.utime(old, (time.time() - 7200,) * 2)
    os.truncate(home / "runs/run-two/checkpoints/step-00000020/random.json", 2)
    with Run(home / "runs/run-two").hold():
        report = check()
        assert {path.name for path in report.debris} == {
            "step-00000025.tmp-abc",
            "status.json.tmp-abc",
            "unit-3.tmp-old",
        }
        assert any("random.json" in fault.what for fault in report.faults)
        assert not any("run-two" in line for line in repair())  # it has an owner
    assert len(repair()) == 1
    assert check().sound and check().debris == ()
    assert (home / "evaluations/unit-2.tmp-new").is_dir()
    assert run.stored() == run.status() and run.status().state == "lost"
    assert [path.name for path in (home / "runs/run-two/checkpoints").iterdir()] == ["step-00000015"]


# --- evaluations that are being made


def _begun(home: Path) -> Path:
    """Leave an evaluation with a checkpoint that does not verify and one that is being written."""
    checkpoints = home / "evaluations/.work/unit-9/checkpoints"
    commit(checkpoints, 10, lambda folder: (folder / "weights").write_bytes(b"w" * 100) and None)
    os.truncate(checkpoints / "step-00000010/weights", 7)
    (checkpoints / "saving.tmp-1-abc").mkdir()
    return checkpoints


def test_what_a_live_evaluation_writes_is_left_alone(home: Path) -> None:
    checkpoints = _begun(home)
    with only_one("unit-9", lambda: False, wait=False):
        assert check().debris == ()
        repair()
        assert sorted(path.name for path in checkpoints.iterdir()) == ["saving.tmp-1-abc", "step-00000010"]
    assert [path.name for path in check().debris] == ["saving.tmp-1-abc"]
    repair()
    assert list(checkpoints.iterdir()) == [] and check().sound


def test_who_goes_on_with_an_evaluation_sweeps_what_the_dead_left(home: Path) -> None:
    checkpoints = _begun(home)
    with only_one("unit-9", lambda: False, wait=False):
        assert (checkpoints / "saving.tmp-1-abc").exists()  # a moment old: where locks do nothing its writer may live
    os.utime(checkpoints / "saving.tmp-1-abc", (time.time() - 100,) * 2)
    with only_one("unit-9", lambda: False, wait=False):
        assert not (checkpoints / "saving.tmp-1-abc").exists()


def test_a_done_run_whose_evaluations_are_gone_is_found_unless_they_were_taken_away(home: Path) -> None:
    run, _ = create_run("evaluate", {"units": []}, "run-evaluations")
    run.write_status(replace(run.status(), state="done"))
    write_json(run.folder / "result.json", {"evaluations": ["unit-1"]})
    assert check().faults == ()
    step = remove([find_entry("evaluations/unit-1")])
    assert [fault for fault in check().faults if fault.condition == "N4"] == []
    restore(step)
    shutil.rmtree(home / "evaluations/unit-1")
    (home / "queue/register.jsonl").write_text(
        "".join(line for line in (home / "queue/register.jsonl").read_text().splitlines(True) if "removed" not in line)
    )
    (fault,) = [fault for fault in check().faults if fault.condition == "N4"]
    assert fault.describe().endswith("1 of its evaluations are not there: unit-1")


def test_a_folder_that_was_taken_away_for_a_successor_that_never_came_is_put_back(home: Path) -> None:
    old = home / "evaluations/unit-1.tmp-0123456789ab-old"
    (home / "evaluations/unit-1").rename(old)
    os.utime(old, (time.time() - 4000,) * 2)
    for path in old.rglob("*"):
        os.utime(path, (time.time() - 4000,) * 2)
    assert any("put" in line for line in repair())
    assert (home / "evaluations/unit-1/numbers.json").read_text() == "[1, 2]"
