"""A full disk: named with bytes and folder, nothing half-written, and the same run goes on once there is space."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shell import run

from obce_core.cache.fsck import check
from obce_core.errors import DiskFull
from obce_core.jobs import FINAL, Run, Status, create_run, list_runs
from obce_core.jobs.attempts import Attempt, next_attempt
from obce_core.jobs.run import RESERVE
from obce_core.jobs.supervisor import Supervisor
from obce_core.jobs.worker import execute
from obce_core.storage.atomic import atomic_write
from obce_core.storage.disk_space import disk_full, free_bytes, fullest, is_full, require_space, tree_size, writing
from obce_core.storage.staging import staged_folder
from tests import gluefolder

FULL = OSError(errno.ENOSPC, "No space left on device")
_SIZE = r"[\d.,]+ (?:bytes?|kB|MB|GB)"
WORDS = re.compile(rf"Disk full: needs (?:more space|(?:more than )?{_SIZE}) in (\S+), which has {_SIZE} free\.")


# --- the words


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (FULL, True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("SafetensorError: I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (ValueError("space"), False),
    ],
)
def test_a_full_disk_is_known_by_number_or_words(error: Exception, full: bool) -> None:
    assert is_full(error) is full


def test_bytes_are_told_in_units_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.storage.disk_space.free_bytes", lambda path: 0)
    assert disk_full(tmp_path, 300_000).message == f"Disk full: needs 0.3 MB in {tmp_path}, which has 0 bytes free."
    assert disk_full(tmp_path).message == f"Disk full: needs more space in {tmp_path}, which has 0 bytes free."
    staged = tmp_path / "out.tmp-0123" / "sub"
    assert (
        disk_full(staged, 5, at_least=True).message
        == f"Disk full: needs more than 5 bytes in {tmp_path}, which has 0 bytes free."
    )
    with pytest.raises(DiskFull):
        require_space(tmp_path, 1)
    monkeypatch.setattr("obce_core.storage.disk_space.free_bytes", lambda path: 10**9)
    require_space(tmp_path, 10**9)
    assert fullest([tmp_path]) is None


def test_what_is_not_there_yet_has_the_space_of_what_is(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b") is not None
    (tmp_path / "x").write_bytes(b"1" * 100)
    (tmp_path / "link").symlink_to("x")
    assert tree_size(tmp_path) == tree_size(tmp_path / "x") == 100 and tree_size(tmp_path / "nowhere") == 0


def test_other_failures_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        _ = 1 / 0


# --- the commands that write much, each failing at one write and going on afterwards


@dataclass(frozen=True)
class Work:
    """A command, and the function whose write fails."""

    words: tuple[Any, ...]
    write: str


@pytest.fixture
def works(tiny_folder: Path, tiny_analysis: Any, tiny_cut: Path, tmp_path: Path) -> dict[str, Work]:
    from tiny import sentences, some_of_everything

    from obce_core.plan import write_plan

    write_plan(some_of_everything(tiny_analysis), tmp_path / "plan.json")
    (tmp_path / "t.txt").write_text("\n".join(sentences(30)))
    glue = gluefolder.write_tasks(tmp_path / "glue", "mrpc")
    fast = ("--tier", "smoke", "--epochs", 1, "--max-steps", 2, "--device", "cpu", "--glue-dir", glue)
    compress = ("compress", "--analysis", tiny_analysis.folder, "--plan", tmp_path / "plan.json", "--device", "cpu")
    return {
        "analyze": Work(
            ("analyze", "--model", tiny_folder, "--texts", tmp_path / "t.txt", "--n-texts", 12),
            "obce_core.storage.tensor_writer.os.pwrite",
        ),
        "compress": Work((*compress, "--out", "OUT/model"), "obce_core.compression.checkpoint.save_file"),
        "evaluate": Work(("evaluate", "--model", tiny_folder, "--task", "mrpc", *fast), "pyarrow.parquet.write_table"),
        "export": Work(("export", tiny_cut, "--dense", "OUT/dense"), "obce_core.export.dense.save_file"),
        "onnx": Work(("export", tiny_cut, "--onnx", "OUT/onnx"), "onnx.save_model"),
    }


COMMANDS = ("analyze", "compress", "evaluate", "export", "onnx")


def ended_full(folder: Path) -> Run:
    """Return the one run, which says that the disk of `folder` is full."""
    (failed,) = list_runs()
    status = failed.status()
    assert status.state == "failed", status
    found = WORDS.search(status.reason)
    assert found and Path(found.group(1)).is_relative_to(folder), status.reason
    assert "resume" in status.reason and failed.result() is None
    return failed


def goes_on(failed: Run) -> None:
    next_attempt(failed)
    execute(failed)
    assert (failed.status().state, failed.status().attempt) == ("done", 2)
    assert [fault.describe() for fault in check().faults] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_that_finds_no_space_is_named_and_the_run_goes_on(
    command: str,
    works: dict[str, Work],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if command == "onnx":
        pytest.importorskip("onnx")
    words = [str(word).replace("OUT", str(tmp_path)) for word in works[command].words]

    def full(*_: Any, **__: Any) -> None:
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(works[command].write, full)
        answer = run(capsys, *words)
    assert answer.code == 2 and WORDS.search(answer.line), answer.err
    assert "needs more space" not in answer.line or command == "analyze", "the bytes are known"
    failed = ended_full(tmp_path)
    assert not list(tmp_path.rglob("*.tmp-*"))
    goes_on(failed)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Mount a file system of 3 MB, with the cache on it."""
    home = tmp_path / "small"
    home.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(home)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    monkeypatch.setenv("OBCE_CACHE", str(home / "cache"))
    try:
        yield home
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def fill_up(home: Path, *, leave: int) -> None:
    """Fill a disk until so many bytes are free."""
    handle = os.open(home / "fill", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        with suppress(OSError):
            while True:
                os.write(handle, b"x" * 4096)
        os.truncate(handle, max(0, os.fstat(handle).st_size - leave))
    finally:
        os.close(handle)


@pytest.mark.parametrize("command", COMMANDS)
def test_on_a_small_disk_the_run_says_so_and_goes_on_once_there_is_space(
    command: str, works: dict[str, Work], small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "onnx":
        pytest.importorskip("onnx")
    words = [str(word).replace("OUT", str(small)) for word in works[command].words]
    fill_up(small, leave=44_000 if command == "evaluate" else 60_000)
    answer = run(capsys, *words)
    assert answer.code == 2 and WORDS.search(answer.line), answer.err
    failed = ended_full(small)
    fill_up(small, leave=0)
    assert failed.status().state == "failed" and run(capsys, "runs", "list").code == 0
    assert run(capsys, "runs", "show", failed.id).code == 0
    (small / "fill").unlink()
    goes_on(failed)


def test_the_last_state_is_written_where_not_a_byte_is_free(small: Path) -> None:
    made, _ = create_run("drill", {"steps": 30, "seconds": 0.0, "every": 10, "ballast": 1_000_000}, "a-drill-run")
    fill_up(small, leave=400_000)

    def no_space(done: int, total: int, what: str) -> None:
        if done == 9:
            fill_up(small, leave=0)

    with pytest.raises(DiskFull):
        execute(made, listener=no_space)
    failed = ended_full(small)
    assert not (failed.folder / RESERVE).exists()
    (small / "fill").unlink()
    goes_on(failed)


# --- what is left where a process could not even say that


def test_the_reserve_is_given_back_for_the_last_state(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = create_run("drill", {})
    assert (made.folder / RESERVE).stat().st_size >= 8192
    real = Run.write_status

    def write(self: Run, status: Status, **more: Any) -> None:
        if (self.folder / RESERVE).exists():
            raise disk_full(self.folder, 500)
        real(self, status, **more)

    monkeypatch.setattr(Run, "write_status", write)
    Attempt(made, 1).write(state="failed", reason="Disk full: …")
    assert made.status().state == "failed"
    monkeypatch.setattr(Run, "write_status", lambda self, *_, **__: (_ for _ in ()).throw(disk_full(self.folder, 500)))
    with pytest.raises(DiskFull):
        Attempt(made, 1).write(state="failed")


@pytest.mark.parametrize("code", [1, -7])
def test_a_process_that_died_on_a_full_disk_is_not_called_killed(
    code: int, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obce_core.jobs.exit_status import Death

    made, _ = create_run("drill", {}, launcher="local")
    made.write_status(Status(state="running", launcher="local"))
    monkeypatch.setattr("obce_core.storage.disk_space.free_bytes", lambda path: 100)
    assert made.status().state == "lost" and f"in {made.folder}, which has 100 bytes free" in made.status().reason
    Supervisor(run=made, lock=-1, slot=-1, gpu="")._settle(Attempt(made, 1), Death(code))
    assert made.status().state == "failed" and f"in {made.folder}, which has 100 bytes free" in made.status().reason
    assert made.status().state in FINAL


def test_a_log_and_progress_that_cannot_be_written_end_no_work(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Callable[[], None]:
        raise FULL

    made, _ = create_run("drill", {"steps": 3, "seconds": 0.0})
    monkeypatch.setattr("obce_core.jobs.run.open_append", full)
    assert execute(made)["steps"] == 3
    assert made.status().state == "done"


def test_a_file_and_a_folder_that_find_no_space_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()

    def full(*_: Any) -> None:
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="needs 3 bytes in"):
        atomic_write(tmp_path / "home" / "a", "new")
    with pytest.raises(DiskFull, match="needs more than 6 bytes in"), staged_folder(tmp_path / "home" / "out") as stage:
        (stage / "a").write_text("a text")
        raise FULL
    assert list((tmp_path / "home").iterdir()) == []
