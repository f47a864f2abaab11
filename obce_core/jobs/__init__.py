"""Long work as jobs: a folder and a command, whoever starts it."""

from __future__ import annotations

from obce_core.jobs.folder import Run
from obce_core.jobs.kinds import KINDS, Context, Kind, kind_of
from obce_core.jobs.launcher import Launcher
from obce_core.jobs.launchers import LAUNCHERS, launcher_named, launcher_of
from obce_core.jobs.local import LocalLauncher, move_queue
from obce_core.jobs.runs import create_run, find_live, find_result, find_run, list_runs
from obce_core.jobs.state import FINAL, RESUMABLE, STATES, Progress, Status

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
