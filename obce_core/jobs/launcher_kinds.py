"""The registry of launchers, one row each, and what other modules must know of them without importing them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LauncherKind:
    """One launcher: its name in the status of a run, its title for people, and its class as `module:Class`.

    `remote`: its jobs run on other machines. Then locks may not be visible here, so a heartbeat tells whether a worker
    is alive; the state comes from a service, which may be slow to answer; and a submission names an address and
    resources, and needs a confirmation for an address that is not the configured one.
    """

    name: str
    title: str
    path: str
    remote: bool = False


LAUNCHERS: dict[str, LauncherKind] = {
    kind.name: kind
    for kind in (
        LauncherKind(name="local", title="this machine", path="obce_core.jobs.launchers.local:LocalLauncher"),
        LauncherKind(name="ray", title="Ray cluster", path="obce_core.jobs.launchers.ray:RayLauncher", remote=True),
    )
}


def is_remote(name: str) -> bool:
    """Return True if a known launcher runs its jobs on other machines."""
    return name in LAUNCHERS and LAUNCHERS[name].remote
