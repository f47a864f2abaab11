"""The whole check, and the repair of what can be repaired without a guess."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from obce_core.cache.fsck.faults import CONDITIONS, Fault
from obce_core.cache.fsck.folders import check_edits, check_folders, check_since, committed_units, debris
from obce_core.cache.fsck.runs import check_runs
from obce_core.glue.workspace import Taken, begun, checkpoints_of, only_one
from obce_core.jobs.registry import list_runs
from obce_core.jobs.slots import queue_lock
from obce_core.storage.checkpoints import checkpoint_faults, committed
from obce_core.storage.private import foreign_owner
from obce_core.storage.staging import MANIFEST, manifest_faults

__all__ = ["CONDITIONS", "Fault", "Report", "check", "repair"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found: breaches, what lies half-written without an owner (no breach: it is swept), what is committed."""

    faults: tuple[Fault, ...]
    debris: tuple[Path, ...]
    committed: Mapping[str, str]

    @property
    def sound(self) -> bool:
        return not self.faults

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "sound": self.sound,
            "conditions": {
                name: [fault.describe() for fault in self.faults if fault.condition == name] for name in CONDITIONS
            },
            "debris": [str(path) for path in self.debris],
            "committed": dict(self.committed),
        }


def check(before: Mapping[str, str] | None = None) -> Report:
    """Hold the whole cache against the seven conditions.

    Args:
        before: what an earlier report named as committed; without it N2 has nothing to compare with.
    """
    faults = [*check_runs(), *check_folders(), *check_edits(), *(check_since(dict(before)) if before else ())]
    return Report(faults=tuple(faults), debris=tuple(debris()), committed=committed_units())


def repair() -> list[str]:
    """Remove orphaned files and invalid checkpoints, mark dead runs as lost, and list what was done.

    Nothing that verifies is touched, and nothing that a live process owns.
    """
    finished = []
    for path in debris():
        back = path.with_name(path.name.split(".tmp-")[0])
        if (
            path.name.endswith("-old")
            and not back.exists()
            and (path / MANIFEST).is_file()
            and not manifest_faults(path)
        ):
            os.rename(path, back)  # killed between taking it away and bringing its successor in
            finished.append(f"put {back} back: its successor never came")
            continue
        with suppress(OSError):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink(
                missing_ok=True
            )
            finished.append(f"removed {path}: half-written, without an owner")
    with queue_lock():
        for run in list_runs():
            if run.is_held():
                continue
            repairs, stored = run.status(), run.stored()
            if repairs.state == "lost" and stored is not None and stored.state != "lost":
                run.write_status(replace(repairs, ended=time.time()))
                finished.append(f"run {run.id} is lost: {repairs.reason}")
            if stored is None and not foreign_owner(run.folder):
                with suppress(OSError):  # a folder in the place of the file; the check goes on to name it
                    run.write_status(
                        replace(repairs, state="lost", reason="its status was unreadable", ended=time.time())
                    )
                    finished.append(f"run {run.id} is lost: its status was unreadable")
            finished += _strike_out(run.folder / "checkpoints")
    for unit in begun():
        with suppress(Taken), only_one(unit, lambda: True, wait=False):
            finished += _strike_out(checkpoints_of(unit))
    return finished


def _strike_out(home: Path) -> list[str]:
    """Remove the checkpoints that do not verify, and say which."""
    finished = []
    for folder in committed(home):
        faults = checkpoint_faults(folder)
        if faults:
            try:
                shutil.rmtree(folder) if folder.is_dir() and not folder.is_symlink() else folder.unlink()
            except OSError as error:
                finished.append(f"could not remove {folder}: {error.strerror or error}")
            else:
                finished.append(f"removed {folder}: {faults[0]}")
    return finished
