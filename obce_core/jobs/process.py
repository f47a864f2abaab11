"""Identity of processes, and memory of the machine, read from the system at each call.

PIDs are reused: identify a process by PID, start time and boot ID.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from obce_core.storage.resources import read_text, total_memory

_PROC = Path("/proc")


def identify(pid: int) -> dict[str, Any]:
    """Identify a live process by PID, start time and boot ID; {} if there is none."""
    started = _started(pid)
    return {"pid": pid, "started": started, "boot": _boot()} if started else {}


def is_same(identity: Mapping[str, Any]) -> bool:
    """Return True if the identified process is still alive, and not another one with the same PID."""
    return bool(identity) and identify(int(identity["pid"])) == dict(identity)


def end_group(pid: int, number: int) -> None:
    """Send a signal to a process group; ignore one that has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def peak_memory() -> tuple[int, int]:
    """Return this process's peak memory and its limit in bytes (address space if that is limited)."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if limit == resource.RLIM_INFINITY:
        return peak, total_memory()
    match = re.search(r"^VmPeak:\s+(\d+) kB$", read_text(_PROC / "self" / "status"), re.MULTILINE)
    return (int(match.group(1)) * 1024 if match else peak), limit


def visible_gpus() -> list[str]:
    """Name the GPUs that a job may be given, without loading a driver."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is not None:
        return [name for name in (part.strip() for part in value.split(",")) if name and name != "-1"]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def device_here(name: str) -> str:
    """Return the kind of device that a job here would use, without loading torch.

    Where it is not (Apple's GPUs, a driver that does not work), it stays `auto`.
    """
    if name != "auto" or sys.platform == "darwin":
        return name
    return "cuda" if visible_gpus() else "cpu"


def _started(pid: int) -> str:
    try:
        # The name of a program may hold spaces and brackets; what follows its last bracket does not. Field 22 is the
        # start.
        fields = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        if _PROC.is_dir() and (_PROC / "self").exists():
            return ""
    process = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return process.stdout.strip()


def _boot() -> str:
    text = read_text(_PROC / "sys" / "kernel" / "random" / "boot_id").strip()
    if text or sys.platform != "darwin":
        return text
    return subprocess.run(["sysctl", "-n", "kern.boottime"], capture_output=True, text=True, check=False).stdout.strip()
