"""Progress and cancellation of long work: step counters, and the context that a job receives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from obce_core.errors import Cancelled

Report = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The context of a job.

    `progress(done, total, what)`; `cancelled()`, to ask between two steps: when true, save a checkpoint and raise
    Cancelled; `folder`, the run's; `attempt`, which one this is; `halvings`, how often the batch size in the options
    was halved after want of memory; `guard()`, which raises Superseded when a newer attempt has begun
    (checkpoints.commit takes it).
    """

    progress: Callable[[int, int, str], None]
    cancelled: Callable[[], bool]
    folder: Path
    attempt: int = 1
    halvings: int = 0
    guard: Callable[[], None] = lambda: None

    @property
    def checkpoints(self) -> Path:
        """The home of this run's checkpoints (not created here)."""
        return self.folder / "checkpoints"


class Steps:
    """A counter of the steps of one piece of work, which is named in the message of a cancellation ("The export").

    Work of long steps calls `begin` before each and `finish` at the end, so that the bar is there from the start; work
    of many short ones calls `next`.

    Raises:
        Cancelled: by `begin` and `next`, once `cancelled()` is true.
    """

    def __init__(
        self, what: str, total: int, progress: Report | None = None, cancelled: Callable[[], bool] | None = None
    ) -> None:
        self._what, self._total, self._done = what, total, 0
        self._progress, self._cancelled = progress, cancelled

    def begin(self) -> None:
        """Report what is done, then count one more."""
        self._obey()
        self._report(self._done)
        self._done += 1

    def next(self) -> None:
        """Count one more, then report what is done."""
        self._obey()
        self._done += 1
        self._report(self._done)

    def finish(self) -> None:
        """Report that all is done."""
        self._report(self._total)

    def _obey(self) -> None:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled(f"{self._what} was cancelled; nothing was written.")

    def _report(self, result: int) -> None:
        if self._progress is not None:
            self._progress(result, self._total)
