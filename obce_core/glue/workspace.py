"""The workspace of an unfinished evaluation: its checkpoints, and the lock of the process that works on it.

::

    evaluations/.work/
      <id>.lock       held by who works on it
      <id>/           checkpoints/, gone once the evaluation is there
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from obce_core.errors import Cancelled
from obce_core.glue.evaluation import evaluations_home
from obce_core.storage.checkpoints import sweep_stale
from obce_core.storage.locks import is_locked, try_lock
from obce_core.storage.private import private_folder
from obce_core.storage.staging import is_complete

_WAIT_SECONDS = 2.0
"""Seconds between two checks whether another process has finished the same evaluation."""

_DEAD = 60.0
"""Seconds after which an unchanged incomplete file is stale; locks have no effect on some disks."""


class Taken(Exception):
    """Another process is at work on the evaluation, and its result was not to be waited for."""


@contextmanager
def only_one(unit: str, cancelled: Callable[[], bool], *, wait: bool) -> Iterator[None]:
    """Hold an evaluation, so that one process at a time makes it; the processes of one `torchrun` hold it together.

    Raises:
        Taken: another process holds it, and `wait` is False.
        Cancelled: asked to stop while waiting.
    """
    if not first_process():
        yield
        return
    private_folder(_home())
    handle = os.open(_lock(unit), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not try_lock(handle):
            if not wait:
                raise Taken(unit)
            if cancelled():
                raise Cancelled("Cancelled while another process computed the same evaluation.")
            time.sleep(_WAIT_SECONDS)
        sweep_stale(checkpoints_of(unit), older=_DEAD)
        yield
    finally:
        if is_complete(evaluations_home() / unit):  # who takes another file's lock from now on finds it there
            _lock(unit).unlink(missing_ok=True)
        os.close(handle)


def checkpoints_of(unit: str) -> Path:
    """Return where the checkpoints of an evaluation lie while it is made."""
    return _home() / unit / "checkpoints"


def is_worked_on(unit: str) -> bool:
    """Return True if a live process of this machine holds an evaluation."""
    return is_locked(_lock(unit))


def begun() -> list[str]:
    """Name the evaluations that were begun and are not there yet."""
    return sorted(path.name for path in _home().iterdir() if path.is_dir()) if _home().is_dir() else []


def first_process() -> bool:
    """Return True in the writing process of a `torchrun`, or in the only process."""
    return int(os.environ.get("RANK", "0")) == 0


def _home() -> Path:
    return evaluations_home() / ".work"


def _lock(unit: str) -> Path:
    return _home() / f"{unit}.lock"
