"""A run: the folder of a job, with its spec, status, progress, log and result.

| file | written | holds |
|---|---|---|
| `spec.json` | once, at creation | kind, options, nonce, when |
| `status.json` | by the process in charge of the run, atomically | state, reason, attempt, times |
| `progress.jsonl` | by the worker, appended | attempt, done, total, what |
| `log.txt` | by the worker and its supervisor | its output, and the traceback of a failure |
| `worker.lock` | locked by the worker while it lives, touched as a heartbeat | nothing |
| `checkpoints/` | by the worker | see `checkpoints.py` |
| `result.json` | by the worker, last but the final state | the result of the work |
| `reserve` | with the run, until it ended | bytes that are released when a full disk cannot take the final state |
| `CANCEL` | by anyone | the request to cancel |
| `STOPPING` | by the worker | the cancel was acknowledged; a checkpoint is being saved |
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import BadInput, DiskFull, shorten
from obce_core.jobs.launcher_kinds import is_remote
from obce_core.jobs.records import progress_rate, tail_of
from obce_core.jobs.status import FINAL, Progress, Status
from obce_core.jobs.validation import Damaged, check_result, check_spec, check_status, check_step
from obce_core.storage.atomic import open_append, read_json, write_json
from obce_core.storage.disk_space import fullest, writing
from obce_core.storage.locks import is_locked, try_lock
from obce_core.storage.private import foreign_owner

T = TypeVar("T")
START_SECONDS = 60.0
"""Without a queue, a worker that has not taken its lock after this many seconds never will."""
HEARTBEAT = 5.0
"""Seconds between two touches of the lock's file by a live worker."""
RESERVE = "reserve"
_RESERVE_BYTES = 16_384
FINISHING = "finishing: its process has not exited yet"
SILENCE = 4 * HEARTBEAT
"""Where locks cannot be seen from machine to machine, a worker that is silent for this long counts as dead."""
_LIMIT = 256_000_000
"""Bytes of a JSON file of a run; a sweep's spec holds its plans."""
_UNKNOWN: Mapping[str, Any] = {
    "kind": "unknown",
    "options": {},
    "form": "",
    "created": 0.0,
    "memory": None,
    "environment": {},
}
_CHECKS: Mapping[str, Callable[[object], object]] = {
    "spec.json": check_spec,
    "status.json": check_status,
    "result.json": check_result,
}


@dataclass(frozen=True)
class Run:
    """One job's folder."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def spec(self) -> dict[str, Any]:
        """What was asked for; of a damaged file the kind "unknown" without options (see `fault`)."""
        try:
            return self._read("spec.json", check_spec)
        except Damaged:
            return dict(_UNKNOWN)

    @property
    def kind(self) -> str:
        return str(self.spec["kind"])

    def stored(self) -> Status | None:
        """Read the state as it was last written; None when it cannot be read."""
        try:
            return self._read("status.json", check_status)
        except Damaged:
            return None

    def fault(self) -> str:
        """Return why this run is unusable (spec or status missing, damaged or of another user), or ""."""
        for name, check in (("spec.json", check_spec), ("status.json", check_status)):
            try:
                self._read(name, check)
            except Damaged as damage:
                return str(damage)
        return ""

    def faults(self) -> list[tuple[str, str]]:
        """Return every file of this folder that is damaged, with what is wrong; a missing result is not."""
        results = []
        for name, check in _CHECKS.items():
            try:
                if name != "result.json" or os.path.lexists(self.folder / name):
                    self._read(name, check)
            except Damaged as damage:
                results.append((name, str(damage).removeprefix(f"{name}: ")))
        return results

    def _read(self, name: str, check: Callable[[object], T]) -> T:
        """Read and check a JSON file of this run; raise Damaged with the name of the file and what is wrong."""
        try:
            foreign = foreign_owner(self.folder)
            if foreign:
                raise Damaged(foreign)
            return check(read_json(self.folder / name, limit=_LIMIT, own=True))
        except FileNotFoundError:
            raise Damaged(f"{name}: is missing") from None
        except OSError as error:
            raise Damaged(f"{name}: cannot be read ({error.strerror or error})") from None
        except Damaged as damage:
            raise Damaged(f"{name}: {damage}") from None
        except ValueError as error:
            raise Damaged(f"{name}: is torn or not JSON ({shorten(error, 80)})") from None

    def status(self) -> Status:
        """Read the state. A final one counts once the lock is free; without a worker the run is lost."""
        status = self.stored()
        if status is None:
            why = f"damaged: {self.fault()}; obce runs rm {self.id} removes it"
            return Status(state="running", reason=why) if self.is_held() else Status(state="lost", reason=why)
        if status.state in FINAL:
            return self._settled(status)
        if self.is_alive(status):
            return status
        # The worker may have ended between the two reads: its last word counts.
        again = self.stored() or status
        if again.state in FINAL:
            return self._settled(again)
        if again.state == "queued" and self._may_wait(again):
            return again
        full = fullest([self.folder])
        why = (
            f"its process ended and could not say why. {full}"
            if full
            else "its process is gone (killed, or the machine stopped)"
        )
        return Status(**again.__dict__ | {"state": "lost", "reason": why})

    def is_alive(self, status: Status) -> bool:
        """Return True if a worker holds the lock or, where locks are not visible, has sent a recent heartbeat."""
        if self.is_held():
            return True
        return is_remote(status.launcher) and status.state == "running" and self.silence() < SILENCE

    def silence(self) -> float:
        """Return the seconds since the worker's last sign of life, by the clock of the disk that it writes to."""
        try:
            last = (self.folder / "worker.lock").stat().st_mtime
        except OSError:
            return float("inf")
        probe = self.folder / f"clock.tmp-{uuid.uuid4().hex[:12]}"
        try:
            probe.touch()
            return probe.stat().st_mtime - last
        except OSError:
            return time.time() - last
        finally:
            probe.unlink(missing_ok=True)

    def progress(self) -> Progress:
        """Read how far the job is; a torn last line is skipped, and so is what earlier attempts wrote."""
        lines = []
        for line in tail_of(self.folder / "progress.jsonl", 64_000).splitlines():
            try:
                lines.append(check_step(json.loads(line)))
            except (ValueError, RecursionError):
                continue
        if not lines:
            return Progress()
        attempt = max(line["attempt"] for line in lines)
        lines = [line for line in lines if line["attempt"] == attempt]
        last = lines[-1]
        same = [line for line in lines if line["what"] == last["what"] and line["total"] == last["total"]]
        rate = progress_rate([(line["t"], line["done"]) for line in same])
        left = (last["total"] - last["done"]) / rate if rate else None
        return Progress(done=last["done"], total=last["total"], what=last["what"], rate=rate, seconds_left=left)

    def result(self) -> dict[str, Any] | None:
        """Read what came out, or None while there is nothing."""
        try:
            return self._read("result.json", check_result)
        except Damaged:
            return None

    def log(self, limit: int = 20_000) -> str:
        """Read the end of the log."""
        return tail_of(self.folder / "log.txt", limit)

    def add_log(self, line: str) -> None:
        """Append a line of ours to the log."""
        with open_append(self.folder / "log.txt") as stream:
            stream.write(f"[{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}] {line}\n".encode("utf-8", "replace"))

    def log_or_ignore(self, line: str) -> None:
        """Append a line to the log if the disk and the folder allow it."""
        with suppress(OSError):
            self.add_log(line)

    def cancel(self) -> None:
        """Ask the worker to end; it obeys between two steps."""
        refuse_if_read_only("Cancelling a job")
        (self.folder / "CANCEL").touch()

    def cancel_requested(self) -> bool:
        try:
            return (self.folder / "CANCEL").exists()
        except OSError:  # a folder that may not be read
            return False

    def is_held(self) -> bool:
        """Return True if a live worker holds the lock."""
        return is_locked(self.folder / "worker.lock")

    def take(self) -> int:
        """Take the worker's lock and return its inheritable handle; BadInput if it is held."""
        handle = os.open(self.folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        # A probe holds the lock for an instant; a worker for its life. Try long enough to tell them apart.
        for attempt in range(20):
            if try_lock(handle):
                return handle
            if attempt < 19:
                time.sleep(0.05)
        os.close(handle)
        raise BadInput(f"Run {self.id} already has a worker.")

    @contextmanager
    def hold(self, handle: int | None = None) -> Iterator[int]:
        """Hold the worker's lock (or an inherited one); BadInput if another worker has it."""
        mine = self.take() if handle is None else handle
        try:
            yield mine
        finally:
            os.close(mine)

    def write_status(self, status: Status, *, guard: Callable[[], None] | None = None) -> None:
        """Replace the state (for who has charge of the run)."""
        write_json(self.folder / "status.json", dict(status.__dict__), guard=guard)

    def reserve(self) -> None:
        """Keep some bytes of the disk, so that on a full one the last state can still be written.

        Raises:
            DiskFull: there are not even these.
        """
        path = self.folder / RESERVE
        if path.exists():
            return
        try:
            with writing(self.folder, _RESERVE_BYTES), open_append(path) as stream:
                stream.write(os.urandom(_RESERVE_BYTES))  # a file system that compresses would keep no space for zeros
        except DiskFull:
            self.release_reserve()
            raise

    def release_reserve(self) -> bool:
        """Give the reserve back to the disk; return True if there was one."""
        try:
            (self.folder / RESERVE).unlink()
        except OSError:
            return False
        return True

    def add_progress(self, done: int, total: int, what: str, *, attempt: int = 1) -> None:
        """Append a line of progress (the worker's part)."""
        line = (
            json.dumps({"t": round(time.time(), 3), "done": done, "total": total, "what": what, "attempt": attempt})
            + "\n"
        )
        with open_append(self.folder / "progress.jsonl") as stream:
            stream.write(line.encode())

    def _settled(self, stored: Status) -> Status:
        """Return a final state, or "running" while a worker or its keeper, which wrote it, still holds the lock."""
        return replace(stored, state="running", reason=FINISHING, ended=None) if self.is_held() else stored

    def _may_wait(self, status: Status) -> bool:
        """Return True if no worker is expected yet: the run is queued, or was created a moment ago."""
        return bool(status.launcher) or time.time() - float(self.spec["created"]) < START_SECONDS
