"""What the shell shows: one line for an error, a bar for long work, a table or JSON for an answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obce_core.errors import Cancelled, ObceError


def say(text: str) -> None:
    """Print one line of an answer."""
    print(text, flush=True)


def fail(error: ObceError, *, as_json: bool = False) -> int:
    """Print an error as one line (or as JSON) on the error stream and return its exit code."""
    if as_json:
        print(json.dumps({"error": type(error).__name__, "message": error.message, "hint": error.hint}), file=sys.stderr)
    else:
        print(f"obce: {error}", file=sys.stderr, flush=True)
    return error.exit_code


def show(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an answer: JSON for machines, else a line a fact."""
    if as_json:
        say(json.dumps(answer, ensure_ascii=False, allow_nan=False))
        return
    width = max(len(name) for name in answer)
    for name, value in answer.items():
        say(f"{name.replace('_', ' '):<{width}}  {value}")


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

    A file keeps its own name: the links of a hub snapshot lead to files that are named by their digest, without an ending.
    """
    path = Path(spec).expanduser()
    if not path.exists():
        return spec
    return str(path.resolve() if path.is_dir() else path.parent.resolve() / path.name)
