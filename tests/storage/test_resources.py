"""Memory of the machine and of a container: one reading, which the estimate of an analysis and the queue of jobs
share."""

from __future__ import annotations

from pathlib import Path

import pytest

from obce_core.storage import resources
from obce_core.storage.resources import available_memory, free_memory, memory_kills, total_memory

GB = 1_000_000_000


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a system of our own in the place of /proc and of the control group."""
    for name in ("proc", "cgroup"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(resources, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(resources, "_CGROUP", tmp_path / "cgroup")
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:       8000000 kB\nMemAvailable:   6000000 kB\n")
    return tmp_path


def test_without_a_container_the_machine_counts(system: Path) -> None:
    assert (total_memory(), free_memory(), available_memory()) == (8000000 * 1024, 6000000 * 1024, 6000000 * 1024)


def test_in_a_container_its_limit_counts_and_cached_files_are_free(system: Path) -> None:
    for name, text in (("max", f"{2 * GB}"), ("current", f"{GB}"), ("stat", f"anon 5\ninactive_file {GB // 4}\n")):
        (system / "cgroup" / f"memory.{name}").write_text(text)
    assert (total_memory(), free_memory(), available_memory()) == (2 * GB, GB + GB // 4, GB + GB // 4)


def test_a_container_without_a_limit_changes_nothing(system: Path) -> None:
    (system / "cgroup" / "memory.max").write_text("max\n")
    assert available_memory() == 6000000 * 1024


def test_where_the_system_reports_nothing_the_total_stands_in(system: Path) -> None:
    (system / "proc" / "meminfo").unlink()
    assert available_memory() is None
    assert free_memory() == total_memory() > 0


def test_kills_of_machine_and_container_are_counted(system: Path) -> None:
    (system / "proc" / "vmstat").write_text("nr_free_pages 7\noom_kill 2\n")
    (system / "cgroup" / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert memory_kills() == 3
