"""Jobs: long work as a folder and a command, started by a launcher."""

from __future__ import annotations

from obce_core.jobs.kinds import KINDS, Kind, all_kinds, kind_of
from obce_core.jobs.launcher_kinds import LAUNCHERS
from obce_core.jobs.launchers import launcher_named, launcher_of
from obce_core.jobs.launchers.base import Launcher
from obce_core.jobs.launchers.local import LocalLauncher, move_queue
from obce_core.jobs.registry import create_run, find_live, find_result, find_run, list_runs
from obce_core.jobs.run import Run
from obce_core.jobs.status import FINAL, RESUMABLE, STATES, Progress, Status
from obce_core.progress import Context

__all__ = [
    "FINAL",
    "KINDS",
    "LAUNCHERS",
    "RESUMABLE",
    "STATES",
    "Context",
    "Kind",
    "Launcher",
    "LocalLauncher",
    "Progress",
    "Run",
    "Status",
    "all_kinds",
    "create_run",
    "find_live",
    "find_result",
    "find_run",
    "kind_of",
    "launcher_named",
    "launcher_of",
    "list_runs",
    "move_queue",
]
