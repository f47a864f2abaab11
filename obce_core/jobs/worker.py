"""The worker: `python -m obce_core.jobs.worker RUN_DIR` reads the spec, does the work, leaves the result.

It holds `worker.lock` for its life, so that a held lock means alive; it obeys a `CANCEL` file and SIGTERM between two
steps; whatever happens, the last state has a reason in words.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from obce_core.errors import Cancelled, ObceError
from obce_core.jobs.folder import Run, Status
from obce_core.jobs.kinds import Context, kind_of
from obce_core.store import write_json

Listener = Callable[[int, int, str], None]
_EVERY = 0.2
"""Seconds between two lines of progress."""


def execute(run: Run, *, listener: Listener | None = None, stopped: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Do a run's work in this process and return its result.

    Args:
        listener: hears the progress too (the shell's bar).
        stopped: a second reason to end, beside the CANCEL file (a signal).

    Raises:
        whatever the work raises, once the folder says so.
    """
    with run.hold():
        started = time.time()
        run.write_status(Status(state="running", started=started))
        last = [0.0]

        def progress(done: int, total: int, what: str) -> None:
            now = time.monotonic()
            if done == total or now - last[0] >= _EVERY:
                last[0] = now
                run.add_progress(done, total, what)
            if listener is not None:
                listener(done, total, what)

        def end(state: str, reason: str = "") -> None:
            run.write_status(Status(state=state, reason=reason, started=started, ended=time.time()))

        try:
            spec = run.spec
            context = Context(progress=progress, cancelled=lambda: run.cancel_asked() or stopped())
            if context.cancelled():
                raise Cancelled("Cancelled before it began.")
            result = kind_of(spec["kind"]).work(spec["options"], context)
            write_json(run.folder / "result.json", result)
            end("done")
            return result
        except (Cancelled, KeyboardInterrupt):
            end("cancelled", "asked to stop")
            raise
        except ObceError as error:
            end("failed", str(error))
            raise
        except BaseException as error:
            end("failed", _reason(error))
            raise


def main(arguments: list[str] | None = None) -> int:
    """Run one job; the exit code says how it ended (0 done, 130 cancelled, otherwise failed)."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or not (Path(given[0]) / "spec.json").is_file():
        print("usage: python -m obce_core.jobs.worker RUN_DIR (a folder with spec.json)", file=sys.stderr)
        return 2
    stop = [False]

    def on_signal(*_: object) -> None:
        stop[0] = True

    signal.signal(signal.SIGTERM, on_signal)
    try:
        execute(Run(Path(given[0]).resolve()), stopped=lambda: stop[0])
    except Cancelled:
        return 130
    except ObceError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error).lower():
        return "out of memory: choose a smaller --batch-size or a smaller model"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"disk full: {os.strerror(error.errno or 0)}; free some space and start again"
    return f"internal error ({type(error).__name__}); the log has the details"


if __name__ == "__main__":
    raise SystemExit(main())
