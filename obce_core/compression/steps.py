"""Count the steps of a long piece of work for a progress bar, and obey a cancellation between them."""

from __future__ import annotations

from collections.abc import Callable

from obce_core.errors import Cancelled

Report = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


class Steps:
    """So many steps of one piece of work; `next` ends one."""

    def __init__(self, total: int, progress: Report | None = None, cancelled: Callable[[], bool] | None = None) -> None:
        self._total, self._done, self._progress, self._cancelled = total, 0, progress, cancelled

    def next(self) -> None:
        """End a step, or raise Cancelled."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("Compressing was cancelled; nothing was written.")
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
