"""Output of the command line: one line for an error, a progress bar for long work, a table or JSON for a result."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from obce_core.errors import Cancelled, ObceError


class _Outlet:
    """An output stream that drops undeliverable text, so that work behind a closed pipe continues."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._close_off()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._close_off()

    def _close_off(self) -> None:
        """Lead what is still to come, and what the interpreter flushes at its end, to nowhere."""
        with suppress(OSError, ValueError):  # a stream without a file descriptor
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def outlets() -> Iterator[None]:
    """Keep prints from failing within the block: replace unencodable characters, ignore a closed pipe.

    An answer comes after the work, so that a failure to print it must not turn work that is done into a failure.
    """
    streams = sys.stdout, sys.stderr
    errors = [getattr(stream, "errors", None) for stream in streams]
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.stdout, sys.stderr = (cast(TextIO, _Outlet(stream)) if stream is not None else stream for stream in streams)
    try:
        yield
    finally:
        for outlet in (sys.stdout, sys.stderr):
            if outlet is not None:
                outlet.flush()
        sys.stdout, sys.stderr = streams
        for stream, before in zip(streams, errors, strict=True):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=before)


def say(text: str) -> None:
    """Print one line of an answer."""
    print(text, flush=True)


def fail(error: ObceError, *, as_json: bool = False) -> int:
    """Print an error as one line (or as JSON) on the error stream and return its exit code."""
    if as_json:
        print(
            json.dumps({"error": type(error).__name__, "message": error.message, "hint": error.hint}), file=sys.stderr
        )
    else:
        print(f"obce: {error}", file=sys.stderr, flush=True)
    return error.exit_code


def show(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an answer: JSON for machines, else a line a fact."""
    if as_json:
        say(json.dumps(answer, ensure_ascii=not _takes_all(sys.stdout.encoding), allow_nan=False))
        return
    width = max(len(name) for name in answer)
    for name, value in answer.items():
        say(f"{name.replace('_', ' '):<{width}}  {value}")


def _takes_all(encoding: str | None) -> bool:
    """Return True for an encoding that has every character."""
    return (encoding or "").lower().replace("-", "").replace("_", "").startswith("utf")


def free_name(name: str) -> str:
    """Return a name that nothing has here, for a command that is printed: my-model, else my-model-2, my-model-3, ….

    >>> free_name("a-name-that-is-free.json")
    'a-name-that-is-free.json'
    """
    path = Path(name)
    for number in itertools.count(2):
        if not os.path.lexists(path):
            return str(path)
        path = path.with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
    raise AssertionError("numbers do not end")


def load_line(call: str, path: str) -> str:
    """Return the shell command that runs one Python call on a path: `{path}` in `call` is its place."""
    module = call.split(".", 1)[0].split()[-1]
    return (
        f"python -c {shlex.quote(f'import {module}; ' + call.replace('{path}', json.dumps(path, ensure_ascii=False)))}"
    )


@contextmanager
def replacing(out: str | Path | None, *, overwrite: bool) -> Iterator[None]:
    """After the block, say on the error stream where to find what an --overwrite replaced."""
    from obce_core.storage.trash import replaced

    if out is None or not overwrite:
        yield
        return
    before = replaced(out)
    yield
    step = replaced(out)
    if step != before:
        print(f"obce: the earlier {out} is in the trash; obce cache restore {step} brings it back.", file=sys.stderr)


def work(kind: str, options: Mapping[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Do a job in the foreground, in a run folder like any other, with a bar; Ctrl-C cancels it.

    Raises:
        Cancelled: Ctrl-C or a CANCEL file.
    """
    from tqdm import tqdm

    from obce_core.jobs import create_run
    from obce_core.jobs.worker import execute

    run, _ = create_run(kind, options)
    if not quiet:
        print(f"run {run.id}", file=sys.stderr)
    with tqdm(total=None, file=sys.stderr, disable=True if quiet else None, leave=False) as bar:

        def listen(done: int, total: int, what: str) -> None:
            bar.total, bar.unit = total, f" {what}"
            bar.update(done - bar.n)

        try:
            return execute(run, listener=listen)
        except KeyboardInterrupt:
            raise Cancelled("Cancelled; what was there before is as it was.") from None


def absolute(spec: str) -> str:
    """Make a path absolute when it names something here; other specs stay as they are.

    A file keeps its own name: the links of a hub snapshot lead to files that are named by their digest, without an
        ending.
    """
    path = Path(spec).expanduser()
    if not path.exists():
        return spec
    return str(path.resolve() if path.is_dir() else path.parent.resolve() / path.name)
