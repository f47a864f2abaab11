"""Atomic writes: files and staged folders that appear complete or not at all, and digests.

A file appears by rename, after its bytes are on disk. A folder is filled under a temporary name, gets a
``MANIFEST.json`` with the size and sha256 of every file, and appears by one rename. Entries are named by the
digest of what they were made from, so two processes that compute the same thing write the same bytes and the
second one's copy is discarded.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from obce_core.access.readonly import refuse_if_read_only
from obce_core.storage.digests import canonical_json
from obce_core.storage.disk_space import writing
from obce_core.storage.private import file_mode, foreign_owner, private_folder
from obce_core.storage.trash import discard, put_back


def atomic_write(path: Path, data: bytes | str, *, guard: Callable[[], None] | None = None) -> None:
    """Replace `path` by `data` in one step: a reader sees the old bytes or the new, never a part.

    `guard` is called last before the rename; when it raises, nothing has changed.

    Raises:
        DiskFull: no space is left for it.
    """
    refuse_if_read_only("Writing a file")
    raw = data.encode("utf-8") if isinstance(data, str) else data
    mode = file_mode(path)
    with writing(path.parent, len(raw)):
        private_folder(path.parent)
        _write_aside(path, raw, mode, guard)
    sync_folder(path.parent)


def _write_aside(path: Path, raw: bytes, mode: int | None, guard: Callable[[], None] | None) -> None:
    temporary = path.with_name(f"{path.name}.tmp-{uuid.uuid4().hex[:12]}")
    try:
        with open(
            temporary, "wb", opener=None if mode is None else lambda name, flags: os.open(name, flags, mode)
        ) as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        if guard is not None:
            guard()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, data: str) -> None:
    """Write a file that a person named; one that is there goes to the trash first, unless it holds the same."""
    raw = data.encode("utf-8")
    old: Path | None = None
    if os.path.lexists(path):
        if path.is_file() and not path.is_symlink() and path.read_bytes() == raw:
            return
        old = discard(Path(os.path.abspath(path)))
    try:
        atomic_write(path, raw)
    except BaseException:
        if old is not None and not os.path.lexists(path):
            put_back(old, path)
        raise


def write_json(path: Path, value: Any, *, guard: Callable[[], None] | None = None) -> None:
    """Write plain data as readable JSON, atomically; NaN and inf are refused."""
    atomic_write(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", guard=guard)


def read_json(path: Path, *, limit: int | None = None, own: bool = False) -> Any:
    """Read JSON that this tool wrote.

    Args:
        limit: bytes that it may have.
        own: refuse a file that belongs to another user.

    Raises:
        OSError: it is not there, not a regular file (a pipe would block), may not be read, or is another user's.
        ValueError: it is not UTF-8, not JSON, nested too deeply, holds NaN or half a surrogate pair, or is larger than
            `limit` bytes.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:  # a thousand runs are listed in one look: no call more than is needed
        facts = os.fstat(handle)
        foreign = "not a regular file" if not stat.S_ISREG(facts.st_mode) else foreign_owner(path, facts) if own else ""
        if foreign:
            raise PermissionError(errno.EPERM, foreign, str(path))
        most = facts.st_size + 1 if limit is None else min(facts.st_size, limit) + 1
        raw = os.read(handle, most)
        while len(raw) < most and (more := os.read(handle, most - len(raw))):
            raw += more
    finally:
        os.close(handle)
    if limit is not None and len(raw) > limit:
        raise ValueError(f"more than {limit:,} bytes")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
        if b"\\ud" in raw.lower():  # a lone surrogate cannot be printed, hashed or drawn
            canonical_json(value).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; raise OSError for anything else, without waiting for a pipe's other end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "rb")


def open_append(path: Path) -> IO[bytes]:
    """Open a regular file for appending, 0600 if new and in the cache; raise OSError for anything else."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, file_mode(path) or 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "ab")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def sync_folder(folder: Path) -> None:
    """Bring a folder's own entries to the disk: a rename in it lasts from here on."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
