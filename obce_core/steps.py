"""Count the steps of a long piece of work for a progress bar, and obey a cancellation between them."""

from __future__ import annotations

from collections.abc import Callable

from obce_core.errors import Cancelled

Report = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


class Steps:
    """So many steps of one piece of work, named in the message of a cancellation ("The export").

    Work of long steps calls `begin` before each and `finish` at the end, so that the bar is there from the start; work of
    many short ones calls `next`.

    Raises:
        Cancelled: by `begin` and `next`, once `cancelled()` is true.
    """

    def __init__(self, what: str, total: int, progress: Report | None = None, cancelled: Callable[[], bool] | None = None) -> None:
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

    def _report(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self._total)
