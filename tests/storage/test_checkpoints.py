"""Checkpoints: whole or not there, whoever dies when; the newest that verifies, never one that does not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from obce_core.errors import BadInput, Cancelled, DiskFull, PathError
from obce_core.settings import project_root
from obce_core.storage.checkpoints import Checkpoint, checkpoint_faults, commit, committed, newest, sweep_stale

FILES = ("model.bin", "optimizer.bin", "scheduler.json", "rng/python.json", "trainer.json")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def fill(step: int) -> Callable[[Path], None]:
    """Return a writer of five files that all say which step they are of."""

    def write(folder: Path) -> None:
        for name in FILES:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"{name} of step {step}\n" * 40)

    return write


def names(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_a_checkpoint_appears_whole_with_its_manifest(home: Path) -> None:
    assert newest(home).checkpoint is None
    made = commit(home, 40, fill(40), attempt=3)
    assert made == Checkpoint(folder=home / "step-00000040", step=40, attempt=3) == newest(home).checkpoint
    told = json.loads((made.folder / "MANIFEST.json").read_text())
    assert (told["step"], told["attempt"], sorted(told["files"])) == (40, 3, sorted(FILES))
    assert told["files"]["rng/python.json"]["size"] == (made.folder / "rng/python.json").stat().st_size
    assert {"obce", "python"} <= set(told["versions"])
    assert names(home) == ["step-00000040"]


def test_the_last_two_that_verify_stay(home: Path) -> None:
    for step in (10, 20, 30):
        commit(home, step, fill(step))
    assert names(home) == ["step-00000020", "step-00000030"]
    (home / "step-00000030" / "model.bin").write_text("damaged")
    commit(home, 40, fill(40))
    assert names(home) == ["step-00000020", "step-00000030", "step-00000040"]  # 30 does not count
    commit(home, 100_000_000, fill(100_000_000), keep=1)
    assert names(home) == ["step-100000000"]


DAMAGES: list[tuple[str, Callable[[Path], object]]] = [
    *((f"{name} missing", lambda folder, name=name: (folder / name).unlink()) for name in FILES),
    *((f"{name} cut", lambda folder, name=name: os.truncate(folder / name, 7)) for name in FILES),
    (
        "a byte flipped",
        lambda folder: (folder / FILES[0]).write_bytes((folder / FILES[0]).read_bytes().replace(b"m", b"n", 1)),
    ),
    ("no manifest", lambda folder: (folder / "MANIFEST.json").unlink()),
    ("manifest cut", lambda folder: os.truncate(folder / "MANIFEST.json", 20)),
    ("manifest of something else", lambda folder: (folder / "MANIFEST.json").write_text('{"files": {}}')),
    ("a file too many", lambda folder: (folder / "extra.bin").write_text("?")),
    (
        "another step's files",
        lambda folder: (shutil.rmtree(folder), shutil.copytree(folder.parent / "step-00000010", folder)),
    ),
]


@pytest.mark.parametrize(("what", "damage"), DAMAGES, ids=[what for what, _ in DAMAGES])
def test_a_damaged_checkpoint_is_passed_over_and_said_so(
    what: str, damage: Callable[[Path], object], home: Path
) -> None:
    commit(home, 10, fill(10))
    commit(home, 20, fill(20))
    damage(home / "step-00000020")
    found = newest(home)
    assert found.checkpoint is not None and found.checkpoint.step == 10
    assert len(found.passed_over) == 1 and found.passed_over[0].startswith("step-00000020: ")
    commit(home, 20, fill(20))  # done again: the damaged one gives way
    assert newest(home).checkpoint == Checkpoint(folder=home / "step-00000020", step=20, attempt=1)
    assert checkpoint_faults(home / "step-00000020") == []


def test_a_step_that_verifies_is_left_as_it_is(home: Path) -> None:
    commit(home, 10, fill(10), attempt=1)
    assert commit(home, 10, fill(11), attempt=2).attempt == 1
    assert names(home) == ["step-00000010"]


def test_a_writer_that_fails_leaves_nothing(home: Path) -> None:
    commit(home, 10, fill(10))

    def broken(folder: Path) -> None:
        fill(20)(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFull, match="Disk full: needs more than"):
        commit(home, 20, broken)
    assert names(home) == ["step-00000010"]


def test_a_stale_attempt_cannot_commit_by_its_guard_nor_after_a_sweep(home: Path) -> None:
    def closed() -> None:
        raise Cancelled("attempt 2 has begun")

    with pytest.raises(Cancelled):
        commit(home, 10, fill(10), guard=closed)
    with pytest.raises(PathError, match="a newer attempt of this run has begun"):
        commit(home, 10, fill(10), guard=lambda: (sweep_stale(home), None)[1])  # swept between its guard and its rename
    assert names(home) == []


def test_half_written_folders_are_no_checkpoints_and_can_be_swept(home: Path) -> None:
    commit(home, 10, fill(10))
    (home / "step-00000020.tmp-abc").mkdir()
    (home / "notes").mkdir()
    assert newest(home).checkpoint.step == 10
    assert [path.name for path in committed(home)] == ["step-00000010"]
    assert sweep_stale(home) == ["step-00000020.tmp-abc"]
    assert names(home) == ["notes", "step-00000010"]
    assert sweep_stale(home.parent / "nowhere") == []


@pytest.mark.parametrize(("step", "keep"), [(-1, 2), (1, 0)])
def test_numbers_that_mean_nothing_are_refused(step: int, keep: int, home: Path) -> None:
    with pytest.raises(BadInput):
        commit(home, step, fill(1), keep=keep)


WRITER = """
import sys
from pathlib import Path
from obce_core.storage.checkpoints import commit
step = 0
while True:
    step += 1
    commit(Path(sys.argv[1]), step,
           lambda folder: [(folder / f"{at}.bin").write_bytes(bytes([at]) * 200_000) for at in range(20)])
"""


def test_a_writer_killed_at_any_moment_leaves_a_checkpoint_that_verifies(home: Path) -> None:
    reached = 0
    for delay in (0.0, 0.003, 0.007, 0.012, 0.02):
        shutil.rmtree(home, ignore_errors=True)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(home)], cwd=project_root())
        deadline = time.monotonic() + 30
        while len(committed(home)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        while not list(home.glob("*.tmp-*")):
            pass
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        reached += bool(list(home.glob("*.tmp-*")))
        found = newest(home)
        assert found.passed_over == () and found.checkpoint is not None and found.checkpoint.step >= 2
    assert reached  # at least one died inside a commit
