"""The status of a run (its state and reason), and its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STATES = ("queued", "running", "done", "failed", "cancelled", "lost")
FINAL = ("done", "failed", "cancelled", "lost")
RESUMABLE = ("failed", "cancelled", "lost")


@dataclass(frozen=True, kw_only=True)
class Status:
    """A job's state and the reason for it; times are seconds since the epoch.

    `attempt` counts how often the run was begun (from 1); only the current attempt may write. `halvings`: how often its
    batch size was halved after it ran out of memory. What is not compared is book-keeping: who starts it (`launcher`,
    and `launch`, what that one was told), since when it waits, how often a start was tried, automatic resumes after a
    lost machine, the sha256 of the spec, and which process works (pid, its start, the boot).
    """

    state: str
    reason: str = ""
    started: float | None = None
    ended: float | None = None
    attempt: int = 1
    halvings: int = 0
    launcher: str = field(default="", compare=False)
    launch: Mapping[str, Any] = field(default_factory=dict, compare=False)
    queued: float | None = field(default=None, compare=False)
    starts: int = field(default=0, compare=False)
    losses: int = field(default=0, compare=False)
    spec_sha256: str = field(default="", compare=False)
    process: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a job: `done` of `total` `what`, the rate per second, and the seconds left (or None)."""

    done: int = 0
    total: int = 0
    what: str = ""
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def share(self) -> float:
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def percent(self) -> int:
        """Whole percents, rounded down: 100 only when everything is done."""
        return 100 * min(self.done, self.total) // self.total if self.total else 0
