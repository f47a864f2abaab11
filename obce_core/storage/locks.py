"""Exclusive file locks (flock) between processes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_locked(path: Path) -> bool:
    """Return True if a live process holds an exclusive flock on a file.

    The probe takes a shared lock for an instant: two probes at the same time never see each other.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def try_lock(handle: int) -> bool:
    """Take an exclusive flock on an open file without waiting; return False if another process holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait_for_lock(handle: int) -> None:
    """Take an exclusive flock on an open file, waiting for as long as another process holds it."""
    fcntl.flock(handle, fcntl.LOCK_EX)
