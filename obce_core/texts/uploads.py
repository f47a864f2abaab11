"""Texts that came through the browser: kept in the cache by content, so that a job can read them as a file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import TextsError
from obce_core.store import atomic_write, check_name
from obce_core.texts.file import ENDINGS

MAX_LINES, MAX_CHARS = 10_000, 10_000
"""Of a .txt upload; larger ones go through the command line."""


def store_upload(raw: bytes, suffix: str) -> str:
    """Write an upload into `cache/texts` under its digest and return the path; equal bytes are one file.

    Raises:
        TextsError: an unknown ending, or a .txt with too many or too long lines (its number is named).
    """
    refuse_if_read_only("Uploading texts")
    if suffix not in ENDINGS:
        raise TextsError(f"The upload has none of the endings {', '.join(ENDINGS)}.")
    if suffix == ".txt":
        lines = raw.decode("utf-8", "replace").splitlines()
        if len(lines) > MAX_LINES:
            raise TextsError(f"The upload has {len(lines):,} lines; limit {MAX_LINES:,}.", hint="Use obce analyze --texts FILE.")
        long = next((i for i, line in enumerate(lines, 1) if len(line) > MAX_CHARS), None)
        if long:
            raise TextsError(f"Line {long} has {len(lines[long - 1]):,} characters; uploads allow {MAX_CHARS:,}.")
    path = upload_path(f"{sha256(raw).hexdigest()[:16]}{suffix}")
    if not path.exists():
        atomic_write(path, raw)
    return str(path)


def upload_path(name: str) -> Path:
    """Return where an upload of this name lies, or would; a name that leaves the folder is refused (PathError)."""
    return settings.cache_dir() / "texts" / check_name(name)
