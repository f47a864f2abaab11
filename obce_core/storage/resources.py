"""Memory of the machine or of the container, read from the system at each call."""

from __future__ import annotations

import os
import re
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")


def total_memory() -> int:
    """Return the bytes that this machine (or the container around us) has."""
    return min(
        filter(
            None,
            [_meminfo("MemTotal") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), _cgroup("memory.max")],
        )
    )


def free_memory() -> int:
    """Return the available memory in bytes; the total where the system does not report it."""
    known = available_memory()
    return total_memory() if known is None else known


def available_memory() -> int | None:
    """Return the available memory in bytes, within the container's limit; None if not reported."""
    free = [bytes_ for bytes_ in [_meminfo("MemAvailable")] if bytes_ is not None]
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit is not None and used is not None:
        free.append(limit - used + (_stat("inactive_file") or 0))
    return max(0, min(free)) if free else None


def memory_kills() -> int:
    """Count the processes that the kernel killed for lack of memory, here or in the container."""
    counts = [0]
    for path in (_PROC / "vmstat", _CGROUP / "memory.events"):
        match = re.search(r"^oom_kill (\d+)$", read_text(path), re.MULTILINE)
        counts.append(int(match.group(1)) if match else 0)
    return sum(counts)


def _meminfo(name: str) -> int | None:
    match = re.search(rf"^{name}:\s+(\d+) kB$", read_text(_PROC / "meminfo"), re.MULTILINE)
    return int(match.group(1)) * 1024 if match else None


def _cgroup(name: str) -> int | None:
    text = read_text(_CGROUP / name).strip()
    return int(text) if text.isdigit() else None


def _stat(name: str) -> int | None:
    match = re.search(rf"^{name} (\d+)$", read_text(_CGROUP / "memory.stat"), re.MULTILINE)
    return int(match.group(1)) if match else None


def read_text(path: Path) -> str:
    """Return the text of a file of the system; "" if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
