"""Digests of plain data and of files (sha256)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


_SETTLED_SECONDS, _KNOWN_MOST = 2.0, 256
_KNOWN_SHA256: dict[tuple[str, int, int, int, int, int], str] = {}


def canonical_json(value: Any) -> str:
    """Render plain data in the one form that is hashed: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 (64 hex digits) of plain data in canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def file_sha256(path: Path, cancelled: Callable[[], bool] | None = None) -> str:
    """Return the sha256 of a file's bytes."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if cancelled is not None and cancelled():
                break
            hasher.update(chunk)
    return hasher.hexdigest()


def stable_sha256(path: Path) -> str:
    """Return the sha256 of a file, computed again only when the file has changed since this process last read it.

    A change is another inode, size, modification or status time; a file touched within the last two seconds may change
    within the clock's resolution and is never remembered.
    """
    status = path.stat()
    key = (str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key not in _KNOWN_SHA256:
        value = file_sha256(path)
        if time.time() - status.st_ctime < _SETTLED_SECONDS:
            return value
        if len(_KNOWN_SHA256) >= _KNOWN_MOST:
            _KNOWN_SHA256.clear()
        _KNOWN_SHA256[key] = value
    return _KNOWN_SHA256[key]
