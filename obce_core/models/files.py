"""Open a model's files: regular ones only, inside its folder or where the Hugging Face cache stores them.

A snapshot of the cache is a folder of links. The library resolves them to two places, and so do we:

- `<cache>/models--owner--name/blobs/…`, the blobs of the repository;
- `<cache>/blobs/<2 hex digits>/<64 hex digits>`, the store that all repositories share (files that came through Xet).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from obce_core.errors import PathError

_REPOSITORY = re.compile(r"(models|datasets|spaces|kernels)--.+")
_XET_HASH = re.compile(r"[0-9a-f]{64}")
_LINKS = 40
"""The kernel follows as many links before it gives up."""


def find_file(folder: Path, name: str) -> Path | None:
    """Return the path of a file of a folder, or None if there is none.

    Raises:
        PathError: it is not a regular file, leads out of the folder, or cannot be read; names file and folder.
    """
    path = folder / name
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise PathError(f"{name} in {folder} is not a regular file.")
        _resolve(folder, name)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: pathlib on a loop of links
        raise PathError(f"Cannot read {path}: {getattr(error, 'strerror', None) or 'too many links'}.") from None
    return path


def open_file(folder: Path, name: str) -> BinaryIO | None:
    """Open a file of a folder for reading, or return None if there is none.

    The file is opened below the place that was checked, and no link is followed on the way: what is swapped between the
    check and the opening is refused. A pipe is never waited for.

    Raises:
        PathError: see `find_file`.
    """
    try:
        root, parts = _resolve(folder, name)
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            last = part is parts[-1]
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | (0 if last else os.O_DIRECTORY)
            try:
                following = os.open(part, flags, dir_fd=handle)
            finally:
                os.close(handle)
            handle = following
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: pathlib on a loop of links
        raise PathError(
            f"Cannot read {folder / name}: {getattr(error, 'strerror', None) or 'too many links'}."
        ) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise PathError(f"{name} in {folder} is not a regular file.")
    return os.fdopen(handle, "rb")


def _resolve(folder: Path, name: str) -> tuple[Path, tuple[str, ...]]:
    """Follow the links of a file one by one; return the root that it lies in and the parts of its path below that."""
    home = folder.resolve()
    path = home / name
    for _ in range(_LINKS):
        path = path.parent.resolve() / path.name
        root = _root(path, home)
        if root is None or path.name in {"", ".", ".."}:
            raise PathError(f"{name} in {folder} points outside the model's folder.", hint="Copy the file there.")
        if not stat.S_ISLNK(os.lstat(path).st_mode):
            return root, path.relative_to(root).parts
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _root(path: Path, home: Path) -> Path | None:
    """Return which of the allowed places a path without links is in."""
    if path.is_relative_to(home):
        return home
    snapshot = next((folder for folder in (home, *home.parents) if folder.parent.name == "snapshots"), None)
    if snapshot is None or not _REPOSITORY.fullmatch(snapshot.parent.parent.name):
        return None
    repository = snapshot.parent.parent
    own, shared = repository / "blobs", repository.parent / "blobs"
    if path.is_relative_to(own):
        return own
    is_shared = path.parent.parent == shared and _XET_HASH.fullmatch(path.name) and path.parent.name == path.name[:2]
    return shared if is_shared else None
