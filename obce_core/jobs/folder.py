"""A job is a folder: what was asked, its state, its progress, its log, its result. The folder is the truth.

| file | written | holds |
|---|---|---|
| `spec.json` | once, at creation | kind, options, nonce, when |
| `status.json` | by the worker, atomically | state, reason, pid, times |
| `progress.jsonl` | by the worker, appended | done, total, what |
| `log.txt` | by the worker | its output, and the traceback of a failure |
| `worker.lock` | locked by the worker while it lives | nothing |
| `result.json` | by the worker, last but the final state | what came out |
| `CANCEL` | by anybody | the wish that it ends |
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.errors import BadInput, shorten
from obce_core.store import read_json, write_json

STATES = ("queued", "running", "done", "failed", "cancelled", "lost")
FINAL = ("done", "failed", "cancelled", "lost")
_START_SECONDS = 60.0
"""A worker that has not taken its lock after this long never will."""

_NONCE = re.compile(r"[a-z0-9-]{6,64}")


@dataclass(frozen=True, kw_only=True)
class Status:
    """A job's state and the reason for it; times are seconds since the epoch."""

    state: str
    reason: str = ""
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is: `done` of `total`, `what` it counts, how many of it a second, seconds left (None: not known yet)."""

    done: int = 0
    total: int = 0
    what: str = ""
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True)
class Run:
    """One job's folder."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def spec(self) -> dict[str, Any]:
        try:
            return read_json(self.folder / "spec.json")
        except (OSError, ValueError):
            return {"kind": "unknown", "options": {}, "form": "", "created": 0.0}  # damaged by hand: the run is lost, no more

    @property
    def kind(self) -> str:
        return str(self.spec["kind"])

    def status(self) -> Status:
        """Read the state; a job whose worker is gone without a word is lost."""
        try:
            told = Status(**read_json(self.folder / "status.json"))
        except (OSError, ValueError, TypeError):
            told = Status(state="queued")
        if told.state in FINAL:
            return told
        if self.is_held():
            return told
        # The worker may have ended between the two reads: its last word counts.
        try:
            again = Status(**read_json(self.folder / "status.json"))
        except (OSError, ValueError, TypeError):
            again = told
        if again.state in FINAL:
            return again
        if again.state == "queued" and time.time() - self._created() < _START_SECONDS:
            return again
        return Status(state="lost", reason="its process is gone (killed, or the machine stopped)", started=again.started)

    def progress(self) -> Progress:
        """Read how far the job is; a torn last line is skipped."""
        lines = []
        for line in _tail(self.folder / "progress.jsonl", 64_000).splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        if not lines:
            return Progress()
        last = lines[-1]
        same = [line for line in lines if line["what"] == last["what"] and line["total"] == last["total"]]
        first, rate, left = same[0], None, None
        if last["done"] > first["done"] and last["t"] > first["t"]:
            rate = (last["done"] - first["done"]) / (last["t"] - first["t"])
            left = (last["total"] - last["done"]) / rate
        return Progress(done=last["done"], total=last["total"], what=last["what"], rate=rate, seconds_left=left)

    def result(self) -> dict[str, Any] | None:
        """Read what came out, or None while there is nothing."""
        try:
            return read_json(self.folder / "result.json")
        except (OSError, ValueError):
            return None

    def log(self, limit: int = 20_000) -> str:
        """Read the end of the log."""
        return _tail(self.folder / "log.txt", limit)

    def cancel(self) -> None:
        """Ask the worker to end; it obeys between two steps."""
        (self.folder / "CANCEL").touch()

    def cancel_asked(self) -> bool:
        return (self.folder / "CANCEL").exists()

    def is_held(self) -> bool:
        """Say whether a live worker holds the lock."""
        try:
            handle = os.open(self.folder / "worker.lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the worker's lock; BadInput when another worker has it."""
        handle = os.open(self.folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # A probe holds the lock for an instant; a worker for its life. Try long enough to tell them apart.
            for attempt in range(20):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if attempt == 19:
                        raise BadInput(f"Run {self.id} already has a worker.") from None
                    time.sleep(0.05)
            yield
        finally:
            os.close(handle)

    def write_status(self, status: Status) -> None:
        """Replace the state (the worker's part)."""
        write_json(self.folder / "status.json", status.__dict__)

    def add_progress(self, done: int, total: int, what: str) -> None:
        """Append a line of progress (the worker's part)."""
        line = json.dumps({"t": round(time.time(), 3), "done": done, "total": total, "what": what}) + "\n"
        with (self.folder / "progress.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line)

    def _created(self) -> float:
        return float(self.spec["created"])


def create_run(kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> tuple[Run, bool]:
    """Make a job's folder in one step, keyed by the nonce of the form that asked.

    `form` names that form, so that a page finds its job again after a reload.

    Returns:
        The run, and whether this call made it: the same nonce twice is one run.
    """
    name = nonce or uuid.uuid4().hex[:16]
    if not _NONCE.fullmatch(name):
        raise BadInput(f"{shorten(name)!r} is no name of a run: 6 to 64 of a-z, 0-9 and '-'.")
    home = runs_home()
    home.mkdir(parents=True, exist_ok=True)
    target, stage = home / name, home / f".{name}.tmp-{uuid.uuid4().hex[:8]}"
    if target.exists():
        return Run(target), False
    stage.mkdir()
    try:
        write_json(stage / "spec.json", {"kind": kind, "options": dict(options), "form": form, "created": time.time()})
        write_json(stage / "status.json", Status(state="queued").__dict__)
        os.rename(stage, target)  # fails when a twin was first: a non-empty folder is never replaced
    except OSError:
        if not target.exists():
            raise
        return Run(target), False
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Run(target), True


def find_run(run_id: str) -> Run:
    """Find a run by id, or raise BadInput."""
    folder = runs_home() / run_id
    if not _NONCE.fullmatch(run_id) or not (folder / "spec.json").is_file():
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
    """List all runs, the newest first."""
    home = runs_home()
    if not home.is_dir():
        return []
    found = [Run(entry) for entry in home.iterdir() if _NONCE.fullmatch(entry.name) and (entry / "spec.json").is_file()]
    return sorted(found, key=lambda run: -run.folder.stat().st_ctime)


def runs_home() -> Path:
    """Return where runs live."""
    return settings.cache_dir() / "runs"


def _tail(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - limit))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
