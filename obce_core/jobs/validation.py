"""Checks of the JSON files of a run folder, which may be damaged, edited or of another version.

Each function takes parsed JSON and returns the checked value, or raises `Damaged` with one line that says what is
wrong.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from obce_core.errors import shorten
from obce_core.jobs.launcher_kinds import is_remote
from obce_core.jobs.status import STATES, Status
from obce_core.settings import CARRIED

_LATEST = 4_102_444_800.0
"""Seconds since the epoch (the year 2100); a later time is damage, and calendars overflow at some of them."""

_LARGEST = 2**53


class Damaged(ValueError):
    """A file of a run folder that cannot be used; the message says why."""


def check_spec(value: object) -> dict[str, Any]:
    """Check a spec: kind, options, form, created, memory, environment.

    Of the environment only the variables that a run carries are returned: a spec cannot set PATH, PYTHONPATH or
        LD_PRELOAD.
    """
    spec = _object(value)
    memory = spec.get("memory")
    return {
        **spec,
        "kind": _text(spec, "kind", required=True),
        "options": _object(spec.get("options", None), "options"),
        "form": _text(spec, "form"),
        "created": _time(spec, "created") or 0.0,
        "memory": None if memory is None else _count(spec, "memory"),
        "environment": carried_only(_object(spec.get("environment", {}), "environment")),
    }


def carried_only(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables that a run carries from its submitter to its worker, without all others."""
    return {
        name: value
        for name, value in environment.items()
        if name in CARRIED and isinstance(value, str) and "\0" not in value
    }


def check_status(value: object) -> Status:
    """Check a status; fields that this version does not know are left out."""
    status = _object(value)
    state, launcher = status.get("state"), _text(status, "launcher")
    if state not in STATES:
        raise Damaged(f"state is {_shown(state)} (expected one of {', '.join(STATES)})")
    launch = dict(_object(status.get("launch", {}), "launch"))
    _launch(launch, launcher)
    return Status(
        state=state,
        reason=" ".join(_text(status, "reason").split()),
        started=_time(status, "started"),
        ended=_time(status, "ended"),
        attempt=_count(status, "attempt", 1, least=1),
        halvings=_count(status, "halvings"),
        launcher=launcher,
        launch=launch,
        queued=_time(status, "queued"),
        starts=_count(status, "starts"),
        losses=_count(status, "losses"),
        spec_sha256=_text(status, "spec_sha256"),
        process=_process(status),
    )


def check_step(value: object) -> dict[str, Any]:
    """Check a line of progress: t, done, total, what, attempt."""
    line = _object(value)
    time = _number(line, "t")
    done, total = (_count(line, name, None) for name in ("done", "total"))
    return {
        "t": time,
        "done": done,
        "total": total,
        "what": _text(line, "what"),
        "attempt": _count(line, "attempt", 1, least=1),
    }


def check_result(value: object) -> dict[str, Any]:
    """Check a result: an object whose common fields (folder, evaluations, failed) have their types."""
    result = _object(value)
    _text(result, "folder")
    for name in ("evaluations", "failed"):
        entries = result.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise Damaged(f"{name} is {_shown(entries)} (expected a list of strings)")
    return result


def _launch(launch: dict[str, Any], launcher: str) -> None:
    if is_remote(launcher):  # everything that a submission reads is present
        launch.update({"cpus": 1.0, "gpus": 0.0, "python": sys.executable} | launch)
    for name in ("address", "python"):
        _text(launch, name)
    for name in ("cpus", "gpus"):
        if launch.get(name) is not None:
            _number(launch, name)


def _process(status: Mapping[str, Any]) -> dict[str, Any]:
    process = _object(status.get("process", {}), "process")
    named_items = {}
    for who in ("keeper", "worker"):
        entry = _object(process.get(who, {}), f"process.{who}")
        if entry:
            named_items[who] = {
                "pid": _count(entry, "pid", None, least=1),
                "started": _text(entry, "started"),
                "boot": _text(entry, "boot"),
            }
    return named_items


def _shown(value: object) -> str:
    return "missing" if value is None else repr(shorten(value)) if isinstance(value, str) else shorten(value)


def _object(value: object, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Damaged(f"{name or 'it'} is {_shown(value)} (expected an object)")
    return value


def _text(values: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = values.get(name) if required else values.get(name, "")
    if not isinstance(value, str):
        raise Damaged(f"{name} is {_shown(value)} (expected a string)")
    return value


def _time(values: Mapping[str, Any], name: str) -> float | None:
    if values.get(name) is None:
        return None
    value = _number(values, name)
    if not 0 <= value <= _LATEST:
        raise Damaged(f"{name} is {shorten(value)} (expected seconds since the epoch)")
    return value


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not abs(value) < _LARGEST
        or not math.isfinite(value)
    ):
        raise Damaged(f"{name} is {_shown(value)} (expected a number)")
    return value


def _count(values: Mapping[str, Any], name: str, default: int | None = 0, *, least: int = 0) -> int:
    value = values.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _LARGEST:
        raise Damaged(f"{name} is {_shown(value)} (expected an integer >= {least})")
    return value
