"""Runs: all there, none with a false state, none with two owners, the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obce_core.cache.fsck.faults import Fault
from obce_core.glue.evaluation import evaluations_home
from obce_core.jobs.launcher_kinds import is_remote
from obce_core.jobs.registry import list_runs, registered, runs_home, stray_entries, taken_away
from obce_core.jobs.run import Run
from obce_core.jobs.status import FINAL
from obce_core.storage.atomic import read_json
from obce_core.storage.checkpoints import committed
from obce_core.storage.digests import digest, file_sha256
from obce_core.storage.staging import MANIFEST, is_complete, manifest_faults

_ANSWERS = ("weights_sha256",)
"""What of a result must not depend on interruptions."""


def check_runs() -> Iterator[Fault]:
    """Yield breaches of N1, N3, N4, N5 and N6 by runs."""
    yield from _acknowledged()
    answers: dict[str, tuple[Run, dict[str, Any]]] = {}
    removed = taken_away()
    for path in stray_entries():
        yield Fault(condition="N3", path=path, what="is not the folder of a run; obce runs rm removes it")
    for run in sorted(list_runs(), key=lambda run: run.id):
        faults = run.faults()
        yield from (Fault(condition="N3", path=run.folder / name, what=what) for name, what in faults)
        if any(name == "status.json" for name, _ in faults):
            continue  # what it says of itself cannot be held against anything
        yield from _state(run, removed)
        yield from _attempts(run)
        yield from _answer(run, answers)


def workers(run: Run) -> list[tuple[int, str]]:
    """List the processes of this machine that work on a run: pid and attempt (Linux; elsewhere none are seen)."""
    results = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if "obce_core.jobs.worker" in words and str(run.folder) in words:
            attempt = words[words.index("--attempt") + 1] if "--attempt" in words else ""
            results.append((int(path.parent.name), attempt))
    return results


def _acknowledged() -> Iterator[Fault]:
    for run_id, sha256 in registered().items():
        path = runs_home() / run_id / "spec.json"
        try:
            actual = file_sha256(path) if path.is_file() else ""
        except OSError:
            continue  # it is there, and said to be unreadable below
        if not actual:
            yield Fault(condition="N1", path=path, what="the run was acknowledged and is gone")
        elif actual != sha256:
            yield Fault(condition="N1", path=path, what="is not what was asked for (its sha256 differs)")


def _state(run: Run, removed: set[str]) -> Iterator[Fault]:
    status, path = run.status(), run.folder / "status.json"
    if status.state == "done":
        result = run.result()
        if result is None:
            yield Fault(condition="N4", path=path, what="has the state done, but has no result")
        elif (folder := str(result.get("folder", ""))) and is_complete(Path(folder)):
            yield from (
                Fault(condition="N4", path=path, what=f"is done, and its output is not: {what}")
                for what in manifest_faults(Path(folder))
            )
        else:
            named_items = {str(name) for name in result.get("evaluations", ())}
            gone = sorted(name for name in named_items - removed if not is_complete(evaluations_home() / name))
            if gone:
                yield Fault(
                    condition="N4",
                    path=path,
                    what=f"is done, and {len(gone)} of its evaluations are not there: {gone[0]}",
                )
    elif status.state in FINAL and not status.reason:
        yield Fault(condition="N4", path=path, what=f"is {status.state} without a reason")
    elif status.state == "running" and not is_remote(status.launcher) and not run.is_held():
        yield Fault(condition="N4", path=path, what="has the state running, but no process holds its lock")


def _attempts(run: Run) -> Iterator[Fault]:
    status = run.stored()
    if status is None:
        return
    for folder in committed(run.folder / "checkpoints"):
        try:
            attempt = int(read_json(folder / MANIFEST)["attempt"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            continue  # damaged: said already
        if attempt > status.attempt:
            yield Fault(
                condition="N5", path=folder, what=f"is of attempt {attempt}, and the run is at {status.attempt}"
            )
    owners = [pid for pid, attempt in workers(run) if attempt in {"", str(status.attempt)}]
    if len(owners) > 1:
        yield Fault(
            condition="N5", path=run.folder, what=f"processes {', '.join(map(str, owners))} work on the same attempt"
        )


def _answer(run: Run, answers: dict[str, tuple[Run, dict[str, Any]]]) -> Iterator[Fault]:
    status, result = run.stored(), run.result()
    if (
        status is None
        or status.state != "done"
        or result is None
        or not set(_ANSWERS) & set(result)
        or result.get("device", "cpu") != "cpu"
    ):
        return
    answer = {name: result.get(name) for name in _ANSWERS}
    options = {name: value for name, value in run.spec["options"].items() if name != "out"}
    try:
        key = digest({"kind": run.kind, "options": options, "halvings": status.halvings})
    except ValueError:
        return  # not a JSON number, so it cannot have been submitted twice
    other = answers.setdefault(key, (run, answer))
    if other[1] != answer:
        yield Fault(
            condition="N6",
            path=run.folder / "result.json",
            what=f"differs from run {other[0].id}, which was the same job",
        )
