"""The trash of the cache: replaced and removed entries are moved there in undoable steps, and deleted on request only.

A step is a folder `cache/trash/<time>-<random>/` with a `moved.json`. An entry of the cache that is removed lies under
its kind and id (`refs`); a file or folder that an --overwrite replaced lies under `replaced/`, and `path` says where it
was.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.errors import DiskFull, PathError
from obce_core.storage.disk_space import disk_full, is_full, tree_size, writing
from obce_core.storage.private import foreign_owner, private_folder

MOVED = "moved.json"
_REPLACED = "replaced"


def trash_home() -> Path:
    """Return where the steps lie (not created here)."""
    return settings.cache_dir() / "trash"


def new_step(fields: dict[str, Any]) -> Path:
    """Make the folder of a step, with what it holds written down before anything is moved in."""
    step = private_folder(trash_home() / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:6]}")
    try:
        with writing(step.parent, 4096), (step / MOVED).open("w", encoding="utf-8") as stream:
            json.dump(fields, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
    except DiskFull:
        shutil.rmtree(step, ignore_errors=True)
        raise
    return step


def discard(path: Path) -> Path:
    """Move a file or folder into the trash, from any file system; return where it lies now.

    On another file system it is copied, and taken away once the copy is whole.

    Raises:
        PathError: it cannot be moved (no room in the cache, no right to); then it is where it was.
    """
    step = new_step({"path": str(path), "refs": []})
    target = private_folder(step / _REPLACED) / path.name
    try:
        move(path, target)
    except OSError as error:
        shutil.rmtree(step, ignore_errors=True)
        if is_full(error):
            raise disk_full(step.parent, tree_size(path)) from None
        raise PathError(
            f"{path} cannot be moved to the trash ({error.strerror or error}), so it is not replaced.",
            hint="Choose another --out.",
        ) from None
    return target


def put_back(discarded: Path, path: Path) -> None:
    """Undo `discard` where the place is free again."""
    move(discarded, path)
    shutil.rmtree(discarded.parent.parent, ignore_errors=True)


def replaced(path: str | Path) -> str | None:
    """Return the newest step that holds what stood at a path, or None."""
    absolute = os.path.abspath(path)
    home = trash_home()
    steps = [step for step in (home.iterdir() if home.is_dir() else ()) if step_path(step) == absolute]
    newest = max(steps, key=lambda step: (step / MOVED).stat().st_mtime_ns, default=None)  # names tell seconds only
    return newest.name if newest is not None else None


def step_path(step: Path) -> str | None:
    """Return the former place of what an --overwrite replaced; None for other steps and other users."""
    try:
        if foreign_owner(step) or not (step / MOVED).is_file() or foreign_owner(step / MOVED):
            return None
        path = json.loads((step / MOVED).read_text("utf-8")).get("path")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return path if isinstance(path, str) and Path(path).is_absolute() else None


def step_content(step: Path) -> Path | None:
    """Return what a step of an --overwrite holds."""
    path = step_path(step)
    content = step / _REPLACED / Path(path).name if path else None
    return content if content is not None and os.path.lexists(content) else None


def move(source: Path, target: Path) -> None:
    """Rename; across file systems copy, and take the source away when the copy is whole."""
    try:
        os.rename(source, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    aside = target.with_name(f"{target.name}.tmp-{uuid.uuid4().hex[:12]}")
    try:
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, aside, symlinks=True)
        else:
            shutil.copy2(source, aside, follow_symlinks=False)
        os.rename(aside, target)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(aside, ignore_errors=True)
        aside.unlink(missing_ok=True)
        raise _first(error) from None
    gone = source.with_name(f"{source.name}.tmp-{uuid.uuid4().hex[:12]}-old")
    os.rename(source, gone)  # never half there under its name
    if gone.is_dir() and not gone.is_symlink():
        shutil.rmtree(gone, ignore_errors=True)
    else:
        gone.unlink()


def _first(error: Exception) -> OSError:
    """Return a copy's failure as one OSError: copytree gathers them as (source, target, text)."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    text = str(error)
    number = errno.ENOSPC if os.strerror(errno.ENOSPC) in text else errno.EIO
    return OSError(number, os.strerror(number))
