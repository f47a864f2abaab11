"""Write so that nothing is ever half there: atomic files, staged folders, digests.

A file appears by rename, after its bytes are on disk. A folder is filled under a temporary name, gets a
``MANIFEST.json`` with the size and sha256 of every file, and appears by one rename. Entries are named by the
digest of what they were made from, so two processes that compute the same thing write the same bytes and the
second one's copy is discarded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import PathError, shorten

MANIFEST = "MANIFEST.json"
_CHUNK = 1 << 20


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


def atomic_write(path: Path, data: bytes | str, *, guard: Callable[[], None] | None = None) -> None:
    """Replace `path` by `data` in one step: a reader sees the old bytes or the new, never a part.

    `guard` is called last before the rename; when it raises, nothing has changed.
    """
    refuse_if_read_only("Writing a file")
    raw = data.encode("utf-8") if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp-{uuid.uuid4().hex[:12]}")
    try:
        with temporary.open("wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        if guard is not None:
            guard()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, value: Any, *, guard: Callable[[], None] | None = None) -> None:
    """Write plain data as readable JSON, atomically; NaN and inf are refused."""
    atomic_write(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n", guard=guard)


def read_json(path: Path) -> Any:
    """Read JSON that this tool wrote."""
    return json.loads(path.read_text("utf-8"))


@contextmanager
def staged_folder(target: Path, *, overwrite: bool = False, keep_existing: bool = False) -> Iterator[Path]:
    """Fill a folder aside and let it appear at `target`, complete and with a manifest, by one rename.

    Args:
        target: the final folder.
        overwrite: replace a folder that this tool wrote before (one with a manifest); anything else is refused.
        keep_existing: for content-addressed entries: when somebody else was first, discard our copy silently.

    Raises:
        PathError: the target exists (and may not be replaced), or its parent cannot be written.
    """
    refuse_if_read_only("Writing a folder")
    target = Path(os.path.abspath(target))  # "." and ".." have no name to stand beside
    if not keep_existing:
        check_target(target, overwrite=overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = target.with_name(f"{target.name}.tmp-{uuid.uuid4().hex[:12]}")
        stage.mkdir()
    except OSError as error:
        raise PathError(f"Cannot write in {target.parent}: {error.strerror or error}.", hint="Choose another --out.") from None
    try:
        yield stage
        _commit(stage, target, overwrite=overwrite, keep_existing=keep_existing)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse an output folder that exists, unless it may be replaced and is this tool's own work."""
    if not target.exists() and not target.is_symlink():
        return
    if target.is_dir() and not target.is_symlink() and not any(target.iterdir()):
        return
    if not overwrite:
        raise PathError(f"{target} already exists.", hint="Choose another --out, or give --overwrite.")
    if not (target / MANIFEST).is_file():
        raise PathError(
            f"{target} was not written by obce (it has no {MANIFEST}), so --overwrite leaves it alone.",
            hint="Choose another --out, or move that folder away.",
        )


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Describe every file below `folder`: its size in bytes and its sha256."""
    return {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def manifest_faults(folder: Path) -> list[str]:
    """Compare a folder with its manifest; return one sentence for each difference (empty: intact)."""
    try:
        files: Mapping[str, Mapping[str, Any]] = read_json(folder / MANIFEST)["files"]
        told = {name: (entry["size"], entry["sha256"]) for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [f"{folder / MANIFEST} is missing or unreadable"]
    faults = []
    for name, (size, sha256) in told.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            faults.append(f"{shorten(name)} leads out of the folder")
        elif not path.is_file():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != size:
            faults.append(f"{name} has {path.stat().st_size} bytes, its manifest says {size}")
        elif file_sha256(path) != sha256:
            faults.append(f"{name} was changed (sha256 differs from its manifest)")
    return faults


def is_complete(folder: Path) -> bool:
    """Say whether a staged folder was committed (its manifest is the last thing to appear)."""
    return (folder / MANIFEST).is_file()


def check_name(name: str) -> str:
    """Accept an entry's id or name as a path part; refuse anything that could leave its folder."""
    if not name or name in {".", ".."} or any(c in name for c in "/\\\0") or len(name) > 120:
        raise PathError(f"{shorten(name)!r} is not a name of an entry.", hint="Use letters, digits, '-', '_' and '.'.")
    return name


def _commit(stage: Path, target: Path, *, overwrite: bool, keep_existing: bool) -> None:
    write_json(stage / MANIFEST, {"format": "obce-manifest/1", "files": manifest(stage)})
    for path in stage.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    sync_folder(stage)
    if keep_existing and is_complete(target):
        return
    old: Path | None = None
    if target.exists():
        if not keep_existing:
            check_target(target, overwrite=overwrite)
        old = target.with_name(f"{target.name}.tmp-{uuid.uuid4().hex[:12]}-old")
        os.rename(target, old)
    try:
        os.rename(stage, target)
    except OSError:
        if old is not None:
            os.rename(old, target)
        if not (keep_existing and is_complete(target)):
            raise
    if old is not None and old.is_symlink():
        old.unlink()
    elif old is not None:
        shutil.rmtree(old, ignore_errors=True)
    sync_folder(target.parent)


def is_locked(path: Path) -> bool:
    """Say whether a live process holds a file by flock; the look itself holds it for an instant."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def sync_folder(folder: Path) -> None:
    """Bring a folder's own entries to the disk: a rename in it lasts from here on."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
