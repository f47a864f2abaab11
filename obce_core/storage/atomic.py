"""Atomic writes: files and staged folders that appear complete or not at all, and digests.

A file appears by rename, after its bytes are on disk. A folder is filled under a temporary name, gets a
``MANIFEST.json`` with the size and sha256 of every file, and appears by one rename. Entries are named by the
digest of what they were made from, so two processes that compute the same thing write the same bytes and the
second one's copy is discarded.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import PathError, shorten
from obce_core.storage.disk_space import disk_full, is_full, writing
from obce_core.storage.private import FOLDER, file_mode, foreign_owner, private_folder
from obce_core.storage.trash import discard, put_back

MANIFEST = "MANIFEST.json"
FORMAT = "obce-manifest/1"
"""The format that a manifest of ours names."""
_CHUNK = 1 << 20
_SETTLED_SECONDS, _KNOWN_MOST = 2.0, 256
_KNOWN_SHA256: dict[tuple[str, int, int, int, int, int], str] = {}
_MANIFEST_BYTES = 50_000_000
_BESIDE = {"name.json", ".DS_Store"}
"""Files that a folder may hold in addition to its manifest: the name of an analysis, a file
manager's notes."""


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
    """Open a regular file to append to, 0600 if it is new and below the cache; raise OSError for anything else, without
    waiting."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, file_mode(path) or 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "ab")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


@contextmanager
def staged_folder(target: Path, *, overwrite: bool = False, keep_existing: bool = False) -> Iterator[Path]:
    """Fill a folder aside and let it appear at `target`, complete and with a manifest, by one rename.

    Args:
        target: the final folder.
        overwrite: replace a folder that this tool wrote (see `foreign_content`), which goes to the trash; anything else
            is refused.
        keep_existing: for content-addressed entries: if another process was first, discard this copy silently.

    Raises:
        PathError: the target exists (and may not be replaced), or its parent cannot be written.
        DiskFull: no space is left for it; nothing of it remains.
    """
    refuse_if_read_only("Writing a folder")
    target = Path(os.path.abspath(target))  # "." and ".." have no name to stand beside
    if not keep_existing:
        check_target(target, overwrite=overwrite)
    try:
        private_folder(target.parent)
        stage = target.with_name(f"{target.name}.tmp-{uuid.uuid4().hex[:12]}")
        stage.mkdir(mode=0o777 if file_mode(target) is None else FOLDER)
    except OSError as error:
        if is_full(error):
            raise disk_full(target.parent) from None
        raise PathError(
            f"Cannot write in {target.parent}: {error.strerror or error}.", hint="Choose another --out."
        ) from None
    try:
        with writing(stage):
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
    why = foreign_content(target)
    if why:
        raise PathError(
            f"{target} {why}, so --overwrite leaves it alone.", hint="Choose another --out, or move that folder away."
        )


def foreign_content(folder: Path) -> str:
    """Return why a folder is not, or not only, what this tool wrote, in words that follow its name; "" if it is.

    Ours is a folder whose manifest names our format and lists every file that lies in it.
    """
    if not folder.is_dir():
        return "was not written by obce (it is not a folder)"
    if not is_complete(folder):
        return f"was not written by obce (it has no {MANIFEST})"
    try:
        document = read_json(folder / MANIFEST, limit=_MANIFEST_BYTES)
        listed = set(document["files"]) if document["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        listed = None
    if listed is None:
        return f"was not written by obce (its {MANIFEST} is not of the format {FORMAT})"
    present = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    strangers = sorted(present - listed - {MANIFEST} - _BESIDE)
    return f"holds {shorten(strangers[0])}, which obce did not write" if strangers else ""


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
        fields = {name: (entry["size"], entry["sha256"]) for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [f"{folder / MANIFEST} is missing or unreadable"]
    faults = []
    for name, (size, sha256) in fields.items():
        try:
            fault = _file_fault(folder, name, size, sha256)
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # a name that no system takes, a loop of links, no right to read
            fault = f"cannot be read ({shorten(error, 80)})"
        if fault:
            faults.append(f"{shorten(name, 120)} {fault}")
    return faults


def _file_fault(folder: Path, name: str, size: object, sha256: object) -> str:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        return "leads out of the folder"
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != size:
        return f"has {path.stat().st_size} bytes, its manifest says {size}"
    return "" if file_sha256(path) == sha256 else "was changed (sha256 differs from its manifest)"


def is_complete(folder: Path) -> bool:
    """Return True if a staged folder was committed (its manifest is the last thing to appear)."""
    try:
        return (folder / MANIFEST).is_file()
    except OSError:  # a folder that may not be read, a name that is too long
        return False


def check_name(name: str) -> str:
    """Accept an entry's id or name as a path part; refuse anything that could leave its folder."""
    if not name or name in {".", ".."} or any(c in name for c in "/\\\0") or len(name) > 120:
        raise PathError(f"{shorten(name)!r} is not a name of an entry.", hint="Use letters, digits, '-', '_' and '.'.")
    return name


def _commit(stage: Path, target: Path, *, overwrite: bool, keep_existing: bool) -> None:
    write_json(stage / MANIFEST, {"format": FORMAT, "files": manifest(stage)})
    mode = file_mode(stage)
    for path in stage.rglob("*"):
        if path.is_file():
            if mode is not None:
                path.chmod(mode)
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
    sync_folder(stage)
    if keep_existing and is_complete(target):
        return
    old: Path | None = None
    if os.path.lexists(target):
        if not keep_existing:
            check_target(target, overwrite=overwrite)
        if target.is_symlink() or not target.is_dir() or any(target.iterdir()):
            old = discard(target)
    try:
        os.rename(stage, target)
    except OSError:
        if old is not None and not os.path.lexists(target):
            put_back(old, target)
        if not (keep_existing and is_complete(target)):
            raise
    sync_folder(target.parent)


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


def sync_folder(folder: Path) -> None:
    """Bring a folder's own entries to the disk: a rename in it lasts from here on."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
