"""Read texts in a separate process with limits of memory and time, so that no file can stop the dashboard."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from obce_core import errors
from obce_core.errors import BadInput, ObceError, TextsError, TooFewTexts, shorten
from obce_core.jobs.spawn import command, environment
from obce_core.texts import Texts

MEMORY = 400_000_000
"""Bytes of memory that reading a file may take, those of Python itself included."""

SECONDS = 60.0
"""Time for a file on this machine."""

HUB_SECONDS = 900.0
"""Time limit for texts of the hub, whose memory is not limited because they are not uploads."""

_AT_ONCE = threading.BoundedSemaphore(2)
_NICE = 10
_HINT = "Give a part of it, or use obce analyze --texts FILE."
_SIMPLE = ("TextsError", "Offline", "PathError", "BadInput")
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Fewer threads, each of which reserves memory, and one allocator that obeys the limit."""


def read_texts(spec: str, *, memory: int = MEMORY, seconds: float = SECONDS, **options: Any) -> Texts:
    """Return what `load_texts` returns, read in a process of its own.

    Raises:
        TextsError: as `load_texts`; also a file that needs more memory or time than allowed, by its name.
        BadInput: an option that the source does not take.
    """
    from_hub = spec == "wikipedia" or (spec.startswith("glue:") and not options.get("glue_dir"))
    limits = (None, HUB_SECONDS) if from_hub else (memory, seconds)
    return Texts(**_ask("texts", spec, options, *limits))


def read_columns(path: str, *, memory: int = MEMORY, seconds: float = SECONDS) -> tuple[tuple[str, ...], str | None]:
    """Return what `text_columns` returns, read in a process of its own; raises as `read_texts`."""
    names, guess = _ask("columns", path, {}, memory, seconds)
    return tuple(names), guess


def _ask(task: str, spec: str, options: dict[str, Any], memory: int | None, seconds: float) -> Any:
    name = shorten(Path(spec).name or spec, 120)
    request = json.dumps({"task": task, "spec": spec, "options": options, "memory": memory, "seconds": seconds})
    with _AT_ONCE:
        process = subprocess.Popen(
            command("obce_core.background.text_worker", nice=_NICE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment(), **_QUIET},
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(request, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise TextsError(f"{name} takes more than {seconds:g} s to read and was stopped.", hint=_HINT) from None
        finally:
            _end(process)
    try:
        document = json.loads(output)
    except ValueError:  # ended by the system, or by a library: pyarrow aborts on some damaged files
        limit = f" or needs more than {memory / 1e6:,.0f} MB to read" if memory is not None else ""
        raise TextsError(f"{name} is damaged{limit}: its reader ended unexpectedly.", hint=_HINT) from None
    if "value" in document:
        return document["value"]
    if "error" in document:
        raise _error(document["error"])
    limit = f"more than {memory / 1e6:,.0f} MB" if memory is not None else "more memory than there is"
    raise TextsError(f"{name} needs {limit} to read.", hint=_HINT)


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and whatever it started, and close its streams."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _error(error_fields: dict[str, Any]) -> ObceError:
    if "available" in error_fields:
        return TooFewTexts(error_fields["message"], hint=error_fields["hint"], available=error_fields["available"])
    kind: type[ObceError] = getattr(errors, error_fields["class"]) if error_fields["class"] in _SIMPLE else BadInput
    return kind(error_fields["message"], hint=error_fields["hint"])
