"""Staged folders: filled under a temporary name, described by a manifest, and committed by one rename."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import PathError, shorten
from obce_core.storage.atomic import read_json, sync_folder, write_json
from obce_core.storage.digests import file_sha256
from obce_core.storage.disk_space import disk_full, is_full, writing
from obce_core.storage.private import FOLDER, file_mode, private_folder
from obce_core.storage.trash import discard, put_back

MANIFEST = "MANIFEST.json"
FORMAT = "obce-manifest/1"
"""The format that a manifest of ours names."""
_MANIFEST_BYTES = 50_000_000
_BESIDE = {"name.json", ".DS_Store"}
"""Files that a folder may hold besides its manifest's: an analysis's name, a file manager's notes."""


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
