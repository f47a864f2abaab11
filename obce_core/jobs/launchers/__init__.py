"""The registry of launchers, one row each, and the launcher of a run."""

from __future__ import annotations

from collections.abc import Callable

from obce_core.errors import UnknownName
from obce_core.jobs.launchers.base import Launcher
from obce_core.jobs.launchers.local import LocalLauncher
from obce_core.jobs.run import Run


def _ray(address: str | None = None, cpus: float = 1.0, gpus: float = 0.0, confirmed: bool = False) -> Launcher:
    from obce_core.jobs.launchers.ray import RayLauncher

    return RayLauncher(address, cpus=cpus, gpus=gpus, confirmed=confirmed)


def _local(**_: object) -> Launcher:
    return LocalLauncher()  # its slots know the machine


LAUNCHERS: dict[str, Callable[..., Launcher]] = {"local": _local, "ray": _ray}


def launcher_named(
    name: str, *, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0, confirmed: bool = False
) -> Launcher:
    """Return a launcher by name, or raise UnknownName; the options matter on a cluster (see `RayLauncher`)."""
    if name not in LAUNCHERS:
        raise UnknownName("launcher", name, LAUNCHERS)
    return LAUNCHERS[name](address=address, cpus=cpus, gpus=gpus, confirmed=confirmed)


def launcher_of(run: Run) -> Launcher:
    """Return the launcher of a run; the local one for a run in the foreground of a shell."""
    status = run.stored()
    return launcher_named(status.launcher if status is not None and status.launcher in LAUNCHERS else "local")
