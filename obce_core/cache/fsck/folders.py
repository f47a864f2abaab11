"""Folders with a manifest, files of ours, and what was left half-written, anywhere in the cache."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from obce_core import settings
from obce_core.cache.fsck.faults import Fault
from obce_core.errors import ObceError
from obce_core.glue.workspace import begun, checkpoints_of, is_worked_on
from obce_core.plan.plan_file import parse_document
from obce_core.plan.serialize import parse_prune_spec
from obce_core.storage.atomic import open_regular, read_json
from obce_core.storage.checkpoints import checkpoint_faults, touched
from obce_core.storage.digests import file_sha256
from obce_core.storage.staging import MANIFEST, manifest_faults

OLD = 3600.0
"""Outside of runs, an incomplete file counts as in use until it has been unchanged for this many seconds."""

_MARK = ".tmp-"
_WORKSHOP = "evaluations/.work/"
"""Where evaluations that are not finished keep their checkpoints."""


def check_folders() -> Iterator[Fault]:
    """Yield what under a final name is not as its manifest says (N3)."""
    for folder in _below(settings.cache_dir()):
        is_checkpoint = folder.parent.name == "checkpoints" and folder.name.startswith("step-")
        if is_checkpoint:
            yield from (Fault(condition="N3", path=folder, what=what) for what in checkpoint_faults(folder))
        elif (folder / MANIFEST).is_file():
            yield from (Fault(condition="N3", path=folder, what=what) for what in manifest_faults(folder))


def check_edits() -> Iterator[Fault]:
    """Yield drafts and named plans that cannot be read (N7)."""
    home = settings.cache_dir() / "plans"
    for path in sorted(home.rglob("*.json")) if home.is_dir() else ():
        if _MARK in path.name:
            continue
        try:
            with open_regular(path) as stream:
                data = parse_document(stream.read(), path.name)
            if "intent" in data:
                parse_prune_spec(data["intent"], path.name)
        except (OSError, ObceError) as error:
            yield Fault(condition="N7", path=path, what=str(error))


def committed_units() -> dict[str, str]:
    """Identify everything committed: folders by manifest digest, runs by the step of their newest checkpoint."""
    cache = settings.cache_dir()
    units: dict[str, str] = {}
    for folder in _below(cache):
        if not (folder / MANIFEST).is_file() or _trashed(folder):
            continue
        name = folder.relative_to(cache).as_posix()
        if folder.parent.name == "checkpoints":
            try:
                step = int(read_json(folder / MANIFEST)["step"])
            except (OSError, ValueError, KeyError, TypeError, OverflowError):
                continue
            key = folder.parent.relative_to(cache).as_posix()
            units[key] = str(max(step, int(units.get(key, "0"))))
        else:
            units[name] = file_sha256(folder / MANIFEST)
    return units


def check_since(before: dict[str, str]) -> Iterator[Fault]:
    """Yield what was committed before and is not now (N2); checkpoints may have made room for newer ones."""
    now = committed_units()
    for name, told in before.items():
        have = now.get(name)
        if name.startswith(_WORKSHOP) and "evaluations/" + name[len(_WORKSHOP) :].split("/")[0] in now:
            continue  # the evaluation that it was a checkpoint of is there
        older = have is not None and told.isdigit() and have.isdigit() and len(told) < 20 and int(have) < int(told)
        if have is None or older:
            what = (
                "was committed before and is gone"
                if have is None
                else f"was at step {told} before and is at step {have}"
            )
            yield Fault(condition="N2", path=settings.cache_dir() / name, what=what)


def debris() -> list[Path]:
    """List what was left half-written and has no live owner."""
    from obce_core.jobs.registry import list_runs

    held_items = {run.folder for run in list_runs() if run.is_held()}
    held_items |= {checkpoints_of(unit) for unit in begun() if is_worked_on(unit)}
    results = []
    for path in sorted(settings.cache_dir().rglob(f"*{_MARK}*")):
        if any(_MARK in part.name for part in path.parents) or held_items & set(path.parents):
            continue
        in_run = path.parent.parent.name == "runs" or path.parent.name == "checkpoints"
        if in_run or time.time() - touched(path) > OLD:
            results.append(path)
    return results


def _below(home: Path) -> Iterator[Path]:
    """Yield every folder under a final name."""
    for root, folders, _ in os.walk(home):
        folders[:] = sorted(name for name in folders if _MARK not in name)
        yield from (Path(root) / name for name in folders)


def _trashed(folder: Path) -> bool:
    return folder.is_relative_to(settings.cache_dir() / "trash")


def read_units(path: Path) -> dict[str, str]:
    """Read what an earlier `obce fsck --json` said was committed."""
    document = json.loads(path.read_text("utf-8"))
    return {str(name): str(value) for name, value in document["committed"].items()}
