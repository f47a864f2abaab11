"""Launchers, one module each: start, probe, cancel and resume jobs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from obce_core.errors import UnknownName
from obce_core.jobs.launcher_kinds import LAUNCHERS
from obce_core.jobs.launchers.base import Launcher
from obce_core.jobs.run import Run


def launcher_named(
    name: str, *, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0, confirmed: bool = False
) -> Launcher:
    """Return a launcher by name, or raise UnknownName; the options apply to remote launchers (see `RayLauncher`)."""
    if name not in LAUNCHERS:
        raise UnknownName("launcher", name, LAUNCHERS)
    module, _, attribute = LAUNCHERS[name].path.partition(":")
    create: Any = getattr(import_module(module), attribute)
    if not LAUNCHERS[name].remote:
        return create()
    return create(address, cpus=cpus, gpus=gpus, confirmed=confirmed)


def launcher_of(run: Run) -> Launcher:
    """Return the launcher of a run; the local one for a run in the foreground of a shell."""
    status = run.stored()
    return launcher_named(status.launcher if status is not None and status.launcher in LAUNCHERS else "local")
