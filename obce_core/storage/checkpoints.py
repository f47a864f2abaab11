"""Atomic checkpoints: written to a temporary folder, described by a manifest, and committed by one rename.

::

    checkpoints/
      step-00000040/       MANIFEST.json: step, attempt, versions, and the size and sha256 of every file
      step-00000080/
      step-00000120.tmp-…/ being written, or left by a dead process

A restart uses a higher attempt number and removes the incomplete files of earlier attempts. An earlier attempt that
wakes up afterwards finds its stage gone or its `guard` closed, in whichever order the two happened: it cannot commit.

Example::

    found = newest(home)
    step = found.checkpoint.step if found.checkpoint else 0
    ...
    commit(home, 40, lambda folder: save_everything(folder), attempt=1)
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from obce_core.errors import BadInput, PathError
from obce_core.storage.atomic import read_json, sync_folder, write_json
from obce_core.storage.disk_space import writing
from obce_core.storage.private import FOLDER, file_mode, private_folder
from obce_core.storage.staging import MANIFEST, manifest, manifest_faults
from obce_core.version import __version__

FORMAT = "obce-checkpoint/1"
_NAME = re.compile(r"step-(\d{8,})")
_MIXED_IN = ("torch", "transformers", "numpy", "accelerate")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One committed checkpoint: its folder, the step it was taken after, the attempt that took it."""

    folder: Path
    step: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """The newest checkpoint that verifies (None: there is none), and for each newer one why it was passed over."""

    checkpoint: Checkpoint | None
    passed_over: tuple[str, ...] = ()


def commit(
    home: Path,
    step: int,
    write: Callable[[Path], None],
    *,
    attempt: int = 1,
    keep: int = 2,
    guard: Callable[[], None] = lambda: None,
) -> Checkpoint:
    """Write a checkpoint and let it appear whole; a step that is there already and verifies is left as it is.

    Args:
        home: the folder of checkpoints.
        step: steps done so far.
        write: fills the empty folder that it is given.
        attempt: which attempt of the run writes.
        keep: how many of the newest that verify stay; older ones go.
        guard: called last before the rename; raises when this attempt is no longer the run's.

    Raises:
        DiskFull: no space is left for it; earlier checkpoints stay.
        PathError: the stage was swept away meanwhile: a newer attempt has begun.
        whatever `write` or `guard` raises; then nothing has changed.
    """
    if step < 0 or keep < 1:
        raise BadInput(f"A checkpoint of step {step}, keeping {keep}: both must be positive.")
    target = home / f"step-{step:08d}"
    stage = _aside(target)
    mode = file_mode(stage)
    with writing(home):
        private_folder(home)
        stage.mkdir(mode=0o777 if mode is None else FOLDER)
    try:
        with writing(stage):
            write(stage)
            manifest_fields = {
                "format": FORMAT,
                "step": step,
                "attempt": attempt,
                "versions": _versions(),
                "files": manifest(stage),
            }
            _sync_below(stage, mode)
            write_json(stage / MANIFEST, manifest_fields)
        guard()
        if target.exists():
            if not checkpoint_faults(target):
                return _read(target)
            os.rename(target, _aside(target))
        try:
            os.rename(stage, target)
        # another process that the lock did not exclude was first; both write the same checkpoint for a step
        except OSError:
            if checkpoint_faults(target):
                raise
        sync_folder(home)
    except FileNotFoundError as error:
        if stage.exists():
            raise
        raise PathError(f"{stage.name} was swept away: a newer attempt of this run has begun.") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    _rotate(home, keep)
    return _read(target)


def newest(home: Path) -> Found:
    """Find the newest checkpoint whose every file is as its manifest says; say why newer ones are not used."""
    passed: list[str] = []
    for folder in reversed(committed(home)):
        faults = checkpoint_faults(folder)
        if not faults:
            return Found(checkpoint=_read(folder), passed_over=tuple(passed))
        passed.append(f"{folder.name}: {'; '.join(faults)}")
    return Found(checkpoint=None, passed_over=tuple(passed))


def committed(home: Path) -> list[Path]:
    """List the folders under final names, the oldest first, verified or not."""
    if not home.is_dir():
        return []
    return sorted((path for path in home.iterdir() if _NAME.fullmatch(path.name)), key=lambda path: int(path.name[5:]))


def checkpoint_faults(folder: Path) -> list[str]:
    """Say what is wrong with a checkpoint under its final name, a sentence each (empty: it verifies)."""
    faults = manifest_faults(folder)
    if faults:
        return faults
    try:
        step = _read(folder).step
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return [f"{folder / MANIFEST} is not the manifest of a checkpoint"]
    strangers = sorted(_files(folder) - set(read_json(folder / MANIFEST)["files"]))
    faults = [f"{name} is not in the manifest" for name in strangers]
    return faults if step == int(folder.name[5:]) else [*faults, f"it holds step {step}"]


def sweep_stale(home: Path, *, older: float = 0.0) -> list[str]:
    """Remove what is half-written or half-removed, and return the names; for who owns the run, when an attempt begins.

    Args:
        older: keep what changed within this many seconds, where ownership is uncertain.
    """
    stale = sorted(path for path in home.glob("*.tmp-*")) if home.is_dir() else []
    stale = [path for path in stale if time.time() - touched(path) >= older]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in stale]


def touched(path: Path) -> float:
    """Return when anything at or below a path was last written, in seconds since the epoch; now, when it is going."""
    try:
        return max(part.lstat().st_mtime for part in [path, *(path.rglob("*") if path.is_dir() else ())])
    except OSError:
        return time.time()


def _rotate(home: Path, keep: int) -> None:
    """Keep the newest `keep` that verify, and what is newer than the last of these; remove the others."""
    good = 0
    for folder in reversed(committed(home)):
        if good >= keep:
            gone = _aside(folder)
            os.rename(folder, gone)  # never half there under a final name
            shutil.rmtree(gone, ignore_errors=True)
        elif not checkpoint_faults(folder):
            good += 1


def _read(folder: Path) -> Checkpoint:
    document = read_json(folder / MANIFEST)
    return Checkpoint(folder=folder, step=int(document["step"]), attempt=int(document["attempt"]))


def _aside(target: Path) -> Path:
    return target.with_name(f"{target.name}.tmp-{uuid.uuid4().hex[:12]}")


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST
    }


def _sync_below(folder: Path, mode: int | None) -> None:
    """Bring everything in a folder to the disk, with this mode of its files (None: as they are)."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            if mode is not None:
                path.chmod(mode)
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        elif path.is_dir():
            sync_folder(path)


def _versions() -> dict[str, str]:
    """Name the versions of what took part: of what this process has imported, nothing is loaded for it."""
    loaded = {name: str(getattr(sys.modules[name], "__version__", "")) for name in _MIXED_IN if name in sys.modules}
    return {"obce": __version__, "python": platform.python_version(), **loaded}
