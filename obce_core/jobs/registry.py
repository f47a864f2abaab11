"""The registry of runs: create, find and list runs; the register holds every id that was returned to a caller."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import BadInput, shorten
from obce_core.jobs.run import Run
from obce_core.jobs.slots import queue_home
from obce_core.jobs.status import FINAL, Status
from obce_core.storage.atomic import open_regular, write_json
from obce_core.storage.digests import file_sha256
from obce_core.storage.private import FOLDER, private_folder

_NONCE = re.compile(r"[a-z0-9-]{6,64}")


def create_run(
    kind: str,
    options: Mapping[str, Any],
    nonce: str | None = None,
    *,
    form: str = "",
    launcher: str = "",
    launch: Mapping[str, Any] | None = None,
    memory: int | None = None,
) -> tuple[Run, bool]:
    """Make a job's folder in one step, keyed by the nonce of the form that asked.

    Args:
        form: names that form, so that a page finds its job again after a reload.
        launcher: the launcher's name ("": the caller does the work itself).
        launch: what that launcher needs to know.
        memory: bytes that it is thought to need.

    Returns:
        The run, and whether this call made it: the same nonce twice is one run.
    """
    refuse_if_read_only("Starting a job")
    name = nonce or uuid.uuid4().hex[:16]
    if not _NONCE.fullmatch(name):
        raise BadInput(f"{shorten(name)!r} is not a valid run name: 6 to 64 of a-z, 0-9 and '-'.")
    home = private_folder(runs_home())
    target, stage = home / name, home / f".{name}.tmp-{uuid.uuid4().hex[:8]}"
    if target.exists():
        return Run(target), False
    stage.mkdir(mode=FOLDER)
    now = time.time()
    spec = {
        "kind": kind,
        "options": dict(options),
        "form": form,
        "created": now,
        "memory": memory,
        "environment": settings.carried(),
    }
    try:
        write_json(stage / "spec.json", spec)
        sha256 = file_sha256(stage / "spec.json")
        status = Status(state="queued", launcher=launcher, launch=dict(launch or {}), queued=now, spec_sha256=sha256)
        Run(stage).write_status(status)
        Run(stage).reserve()
        os.rename(stage, target)  # fails when a twin was first: a non-empty folder is never replaced
    except OSError:
        if not target.exists():
            raise
        return Run(target), False
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    _register({"run": name, "spec_sha256": sha256})
    return Run(target), True


def find_run(run_id: str) -> Run:
    """Find a run by id, or raise BadInput."""
    folder = runs_home() / run_id
    if not _NONCE.fullmatch(run_id) or not folder.is_dir() or folder.is_symlink():
        raise BadInput(f"There is no run {shorten(run_id)!r}.")
    return Run(folder)


def find_live(form: str) -> Run | None:
    """Find the newest job of a form that is queued or at work."""
    for run in list_runs():
        if run.spec.get("form") == form and run.status().state not in FINAL:
            return run
    return None


def find_result(form: str) -> dict[str, Any] | None:
    """Read what the newest job of a form that is done left, or None."""
    for run in list_runs():
        if run.spec.get("form") == form and run.status().state == "done":
            return run.result()
    return None


def list_runs() -> list[Run]:
    """List all runs, newest first, including folders whose files are damaged or missing (see `Run.fault`)."""
    match = [entry for entry in _entries() if _NONCE.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    home = runs_home()
    return [Run(home / name) for _, name in sorted((-_asked(entry.path), entry.name) for entry in match)]


def stray_entries() -> list[Path]:
    """List what lies among the runs and is not a run's folder: links, files, pipes, folders with other names."""
    runs = {run.id for run in list_runs()}
    return sorted(
        runs_home() / entry.name for entry in _entries() if entry.name not in runs and ".tmp-" not in entry.name
    )


def _entries() -> list[os.DirEntry[str]]:
    try:
        with os.scandir(runs_home()) as entries:
            return list(entries)
    except OSError:
        return []


def _asked(folder: str) -> float:
    """Return when a run was asked for: its spec is written once."""
    for path in (f"{folder}/spec.json", folder):
        try:
            return os.lstat(path).st_mtime
        except OSError:
            continue
    return 0.0


def runs_home() -> Path:
    """Return where runs live."""
    return settings.cache_dir() / "runs"


def note_removed(names: Iterable[str]) -> None:
    """Enter that runs, or evaluations that runs made, were taken away on purpose."""
    for name in names:
        _register({"run": name, "removed": True})


def taken_away() -> set[str]:
    """Return what was taken away on purpose."""
    return {line["run"] for line in _lines(_register_path()) if line.get("removed")}


def registered() -> dict[str, str]:
    """Return every run that was made and not taken away on purpose, with the sha256 of its spec."""
    folders: dict[str, str] = {}
    for line in _lines(_register_path()):
        if line.get("removed"):
            folders.pop(line["run"], None)
        else:
            folders[line["run"]] = line["spec_sha256"]
    return folders


def _register(entry: Mapping[str, Any]) -> None:
    """Append a line that is on the disk before anybody is told of the run."""
    raw = (json.dumps({"t": round(time.time(), 3), **entry}) + "\n").encode()
    private_folder(_register_path().parent)
    handle = os.open(_register_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, raw)
        os.fsync(handle)
    finally:
        os.close(handle)


def _register_path() -> Path:
    return queue_home() / "register.jsonl"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with open_regular(path) as stream:
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if (
            isinstance(document, dict)
            and isinstance(document.get("run"), str)
            and ("removed" in document or isinstance(document.get("spec_sha256"), str))
        ):
            yield document
