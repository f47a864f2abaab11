"""Full disks: what was to be written, where, and how many bytes are free."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from obce_core.errors import DiskFull
from obce_core.formatting import size

_FULL = (errno.ENOSPC, errno.EDQUOT)
NEARLY = 256_000
"""With fewer free bytes than this a disk is taken for full where a process died and could not say why."""


def is_full(error: BaseException) -> bool:
    """Return True for a write that failed for lack of space, also when a library changed the error."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(os.strerror(number).lower() in str(error).lower() for number in _FULL)


def free_bytes(path: Path) -> int | None:
    """Return the free bytes of the file system of a path, which need not exist; None if unknown."""
    for at in (path, *path.parents):
        try:
            return shutil.disk_usage(at).free
        except OSError:
            continue
    return None


def disk_full(folder: Path, need: int | None = None, *, at_least: bool = False) -> DiskFull:
    """Return the error that says how much a folder lacks.

    Args:
        need: bytes that were to be written (None: not known).
        at_least: more than `need` was to be written.
    """
    staged = next((at for at in reversed((folder, *folder.parents)) if ".tmp-" in at.name), None)
    folder = staged.parent if staged is not None else folder  # a temporary name says nothing to people
    free = free_bytes(folder)
    has = "an unknown number of bytes" if free is None else size(free)
    amount = "more space" if not need else f"more than {size(need)}" if at_least else size(need)
    return DiskFull(
        f"Disk full: needs {amount} in {folder}, which has {has} free.",
        hint="Make space there, then resume the run or start it again.",
    )


def require_space(folder: Path, need: int) -> None:
    """Raise DiskFull unless this many bytes are free, before work whose result could not be written."""
    free = free_bytes(folder)
    if free is not None and free < need:
        raise disk_full(folder, need)


@contextmanager
def writing(folder: Path, need: int | None = None) -> Iterator[None]:
    """Within the block, convert failures for lack of space into DiskFull."""
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise (
            disk_full(folder, need) if need is not None else disk_full(folder, tree_size(folder), at_least=True)
        ) from error


def tensor_bytes(tensors: Iterable[Any]) -> int:
    """Return the bytes that tensors (of torch or numpy) take in a file."""
    return sum(int(tensor.nbytes) for tensor in tensors)


def fullest(paths: Iterable[Path]) -> DiskFull | None:
    """Return the error of the folder with the fewest free bytes, if that is (nearly) full."""
    free = {path: count for path in paths if (count := free_bytes(path)) is not None}
    least = min(free, key=lambda path: free[path], default=None)
    return disk_full(least) if least is not None and free[least] < NEARLY else None


def tree_size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; what is going is left out."""
    total = 0
    for at in (path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())):
        with suppress(OSError):
            facts = at.lstat()
            total += facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return total
