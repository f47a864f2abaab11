"""The exit status of a worker in words: a signal, lack of memory or disk, a kill after a cancel."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from obce_core.errors import shorten
from obce_core.jobs.process import peak_memory, signal_name
from obce_core.jobs.status import Status

EXIT_MEMORY = 71
"""A worker's exit code for lack of memory, if a supervisor may retry with less."""

PAUSED = "paused by signal"
ASKED = "asked to stop"
_RESUME = "resume continues from the last checkpoint"


@dataclass(frozen=True)
class Death:
    """What the parent saw: exit code (negative: signal), whether it was forced, whether memory ran out."""

    code: int
    forced: bool = False
    starved: bool = False


def name_death(death: Death, status: Status, *, cancelled: bool) -> tuple[str, str, bool]:
    """Return the final state, the reason, and whether it was for want of memory."""
    if death.code == EXIT_MEMORY:
        return "failed", status.reason or "out of memory", True
    if death.code == -signal.SIGKILL and death.starved and not death.forced:
        return "failed", "out of memory: the system ended it; choose a smaller --batch-size or a smaller model", True
    if death.forced:
        return "cancelled", f"{ASKED if cancelled else PAUSED}; it did not answer and was ended; {_RESUME}", False
    if death.code == -signal.SIGTERM:
        return "cancelled", f"{PAUSED}; {_RESUME}", False
    if death.code == -signal.SIGKILL:
        return "lost", f"its process was killed (SIGKILL); {_RESUME}", False
    if death.code < 0:
        return "failed", f"its process crashed ({signal_name(-death.code)}); the log has the details", False
    return "failed", f"its process exited unexpectedly (exit code {death.code}); see the log", False


def is_memory(error: BaseException) -> bool:
    """Return True if an error means that memory ran out, in any library."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or "can't allocate memory" in text
        or "out of memory" in text
        or "cannot allocate" in text
    )


def reason(error: BaseException) -> str:
    """Say in a line why the work failed."""
    if is_memory(error):
        peak, limit = peak_memory()
        detail = f"; {shorten(error, 160)}" if str(error) else ""
        return (
            f"out of memory: choose a smaller --batch-size or a smaller model (it held {_told(peak)} of "
            f"{_told(limit)}{detail})"
        )
    return f"internal error ({type(error).__name__}); the log has the details"


def _told(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
