"""Uploaded texts, stored in the cache by content and name, so that a job can read them as a file."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import TextsError, shorten
from obce_core.storage.atomic import atomic_write
from obce_core.storage.staging import check_name
from obce_core.texts.sources.file import ENDINGS

_NAME_BYTES = 120


def store_upload(raw: bytes, name: str) -> str:
    """Write an upload as `cache/texts/DIGEST/NAME` and return the path; equal bytes of one name are one file.

    `name` is the file's name as it was given: errors, previews and the source of an analysis then show it. Nothing of
    the contents is read here.

    Raises:
        TextsError: an unknown ending.
    """
    refuse_if_read_only("Uploading texts")
    clean = file_name(name)
    if Path(clean).suffix not in ENDINGS:
        raise TextsError(
            f"{shorten(name)} has none of the endings {', '.join(ENDINGS)}.", hint="Rename it, or export it as .txt."
        )
    key = sha256(clean.encode() + bytes(1) + raw).hexdigest()[:16]
    path = settings.cache_dir() / "texts" / key / clean
    if not path.exists():
        atomic_write(path, raw)
    return str(path)


def file_name(name: str) -> str:
    """Return a valid file name: no folders or control characters, at most 120 bytes, lower-case ending."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    base = "".join(char if char.isprintable() else "_" for char in base).strip().lstrip(".-~") or "texts"
    stem, suffix = (base[: -len(end)], end.lower()) if (end := Path(base).suffix) else (base, "")
    while len((stem + suffix).encode("utf-8", "replace")) > _NAME_BYTES and stem:
        stem = stem[:-1]
    return f"{stem or 'texts'}{suffix}".encode("utf-8", "replace").decode("utf-8")


def upload_path(ref: str) -> Path:
    """Return the path of an upload: a folder named by its digest, or a file of an earlier version.

    Raises:
        PathError: a reference that leaves the folder.
    """
    place = settings.cache_dir() / "texts" / check_name(ref)
    if place.suffix:
        return place
    return next((path for path in sorted(place.glob("*")) if path.suffix in ENDINGS), place / "removed.txt")


def upload_ref(path: str) -> str:
    """Return the reference of a stored upload, for `upload_path`.

    >>> upload_ref("/cache/texts/0123456789abcdef/survey.csv")
    '0123456789abcdef'
    """
    return Path(path).parent.name
