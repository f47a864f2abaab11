"""Long work as jobs: a folder and a command, whoever starts it."""

from __future__ import annotations

from obce_core.jobs.folder import FINAL, STATES, Progress, Run, Status, create_run, find_live, find_result, find_run, list_runs
from obce_core.jobs.kinds import KINDS, Context, Kind, kind_of
from obce_core.jobs.local import LocalLauncher

__all__ = [
    "FINAL",
    "KINDS",
    "STATES",
    "Context",
    "Kind",
    "LocalLauncher",
    "Progress",
    "Run",
    "Status",
    "create_run",
    "find_live",
    "find_result",
    "find_run",
    "kind_of",
    "list_runs",
]
