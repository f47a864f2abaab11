"""Folders and files of the cache that only their owner can read, and checks of their owner.

The cache holds what a user's processes execute and believe: specs of runs, texts, models. Its folders are created 0700
and its files 0600; an existing cache folder that others can write is closed to them; what another user put there is
refused where it is read.
"""

from __future__ import annotations

import os
import stat
import sys
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

from obce_core import settings

FOLDER, FILE = 0o700, 0o600
_OTHERS_WRITE = 0o022


def private_folder(path: Path) -> Path:
    """Create a folder with its parents and return it: 0700 in the cache, the user's umask elsewhere."""
    root = settings.cache_dir()
    if path != root and not path.is_relative_to(root):
        path.mkdir(parents=True, exist_ok=True)
        return path
    if not root.is_dir():
        root.parent.mkdir(parents=True, exist_ok=True)
        _make(root)
    close_to_others(root)
    at = root
    for part in path.relative_to(root).parts:
        at = at / part
        _make(at)
    return path


def file_mode(path: Path) -> int | None:
    """Return the mode of a new file: 0600 below the cache, None (the user's umask) elsewhere."""
    return FILE if path.is_relative_to(settings.cache_dir()) else None


def close_to_others(root: Path) -> bool:
    """Remove write access of others from the cache's folder, with a note; return True if changed.

    Who can write there can replace a run by one of his own. The right to read is the user's to give; folders inside are
    0700.
    """
    try:
        facts = root.stat()
        if not facts.st_mode & _OTHERS_WRITE or facts.st_uid != os.geteuid():
            return False
        root.chmod(stat.S_IMODE(facts.st_mode) & ~_OTHERS_WRITE)
    except OSError:
        return False
    if not root.stat().st_mode & _OTHERS_WRITE:
        print(f"obce: other users could write in {root}; now only you can.", file=sys.stderr)
        return True
    return False


def foreign_owner(path: Path, facts: os.stat_result | None = None) -> str:
    """Return who owns a path, in words, if that is another user; "" if it is ours or cannot be looked at.

    Some file systems give every file one owner: what our own new files get there counts as ours.
    """
    try:
        owner = (facts or path.lstat()).st_uid
    except OSError:
        return ""
    if owner == os.geteuid() or owner == _given_owner(str(settings.cache_dir())):
        return ""
    return f"belongs to another user (uid {owner}, expected {os.geteuid()})"


def _make(path: Path) -> None:
    with suppress(FileExistsError):
        path.mkdir(mode=FOLDER)


@cache
def _given_owner(folder: str) -> int:
    """Return the owner that the file system gives a new file of ours; our own id where none can be made."""
    probe = Path(folder) / f"owner.tmp-{uuid.uuid4().hex[:12]}"
    try:
        probe.touch(mode=FILE)
        return probe.stat().st_uid
    except OSError:
        return os.geteuid()
    finally:
        probe.unlink(missing_ok=True)
