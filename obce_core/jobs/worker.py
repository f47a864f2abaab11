"""The worker process: `python -m obce_core.jobs.worker RUN_DIR` reads the spec, does the work and writes the result.

It holds `worker.lock` while it lives, so a held lock means alive. It obeys a `CANCEL` file and SIGTERM between two
steps; whatever happens, the last state has a reason in words. Told which attempt it is (`--attempt`), it writes nothing
once a newer one has begun.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from obce_core.errors import BadInput, Cancelled, DiskFull, ObceError, Superseded
from obce_core.jobs.attempts import Attempt, batch_size, next_try, sweep
from obce_core.jobs.exit_status import ASKED, EXIT_MEMORY, PAUSED, is_memory, reason
from obce_core.jobs.kinds import kind_of
from obce_core.jobs.process import identify
from obce_core.jobs.run import HEARTBEAT, Run
from obce_core.progress import Context
from obce_core.settings import job_memory
from obce_core.storage.disk_space import disk_full, fullest, is_full

Listener = Callable[[int, int, str], None]
_EVERY = 0.2
"""Seconds between two lines of progress."""


def execute(
    run: Run,
    *,
    listener: Listener | None = None,
    stopped: Callable[[], bool] = lambda: False,
    attempt: int | None = None,
    lock: int | None = None,
    kept: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Do a run's work in this process and return its result.

    Args:
        listener: also receives the progress (the shell's progress bar).
        stopped: a second reason to end, beside the CANCEL file (a signal).
        attempt: which attempt this is (None: the one that the folder names).
        lock: the handle of the lock, if the parent process took it.
        kept: returns True if a supervisor may retry with less memory; the supervisor then writes the final state.

    Raises:
        Superseded: a newer attempt has begun; nothing more was written.
        whatever the work raises, once the folder says so.
    """
    with run.hold(lock) as handle, _heartbeat(handle):
        status = run.stored()
        mine = Attempt(run, attempt if attempt is not None else status.attempt if status else 1)
        mine.guard()
        sweep(run)
        (run.folder / "STOPPING").unlink(missing_ok=True)
        started = time.time()
        process = {**(status.process if status else {}), "worker": identify(os.getpid())}
        with suppress(OSError, DiskFull):  # one from a version without it
            run.reserve()
        halvings = mine.write(state="running", started=started, ended=None, starts=0, process=process).halvings
        last = [0.0]

        def progress(done: int, total: int, what: str) -> None:
            now = time.monotonic()
            if done == total or now - last[0] >= _EVERY:
                last[0] = now
                with suppress(OSError):  # a full disk: the work says so where its result cannot be written
                    run.add_progress(done, total, what, attempt=mine.number)
            if listener is not None:
                listener(done, total, what)

        def cancelled() -> bool:
            requested = run.cancel_requested() or stopped()
            if requested:
                with suppress(OSError):
                    (run.folder / "STOPPING").touch()  # acknowledged: the supervisor waits longer before it kills
            return requested

        def end(state: str, why: str = "") -> None:
            mine.write(state=state, reason=why, ended=time.time())
            run.release_reserve()

        try:
            why = run.fault()
            if why:
                raise BadInput(f"This run is damaged: {why}.", hint=f"obce runs rm {run.id} removes it.")
            spec = run.spec
            context = Context(
                progress=progress,
                cancelled=cancelled,
                folder=run.folder,
                attempt=mine.number,
                halvings=halvings,
                guard=mine.guard,
            )
            if context.cancelled():
                raise Cancelled("Cancelled before it began.")
            result = kind_of(spec["kind"]).work(_fitted(spec["options"], halvings), context)
            mine.write_result(result)
            end("done")
            return result
        except Superseded:
            raise
        except (Cancelled, KeyboardInterrupt):
            end("cancelled", PAUSED if stopped() and not run.cancel_requested() else ASKED)
            raise
        except ObceError as error:
            end("failed", str(error))
            raise
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # what filled the memory hangs on these
            if is_full(error):
                full = fullest(places(run)) or disk_full(run.folder)
                end("failed", str(full))
                raise full from error
            if kept() and is_memory(error):
                mine.write(reason=reason(error))
            else:
                end("failed", reason(error))
            raise


def main(arguments: list[str] | None = None) -> int:
    """Run one job; the exit code says how it ended (0 done, 130 cancelled, otherwise failed)."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    if options is None or not (options.folder / "spec.json").is_file():
        print("usage: python -m obce_core.jobs.worker RUN_DIR (a folder with spec.json) [--attempt N]", file=sys.stderr)
        return 2
    stop = [False]

    parent, run = os.getppid(), Run(options.folder.resolve())

    def on_signal(*_: object) -> None:
        stop[0] = True
        with suppress(OSError):  # acknowledge now: the current step may take longer than the supervisor's grace period
            (run.folder / "STOPPING").touch()

    signal.signal(signal.SIGTERM, on_signal)

    def kept() -> bool:
        return not options.kept or os.getppid() == parent  # its keeper, or, without one, we ourselves in a new image

    for handle in (options.lock, options.slot):
        if handle is not None:
            os.set_inheritable(handle, False)
    try:
        _humble()
        execute(run, stopped=lambda: stop[0], attempt=options.attempt, lock=options.lock, kept=kept)
    except Cancelled:
        return 130
    except ObceError as error:
        with suppress(OSError):
            print(error, file=sys.stderr)
        return error.exit_code
    except BaseException as error:
        with suppress(OSError):  # the log is on the disk that may be full
            traceback.print_exc()
        if not is_memory(error) or not kept():
            return 1
        if options.kept:
            return EXIT_MEMORY
        _again(run)
        return 1
    finally:
        if options.kept and not kept():
            _succeed(options.slot)
    return 0


def places(run: Run) -> list[Path]:
    """Return the folders that a run writes in: its own, and the one that its output goes to."""
    out = run.spec["options"].get("out")
    return [run.folder, *([Path(out).parent] if isinstance(out, str) else [])]


@contextmanager
def _heartbeat(handle: int) -> Iterator[None]:
    """Touch the lock file periodically, for machines that cannot see the lock."""
    ended = threading.Event()

    def beat() -> None:
        while True:
            os.utime(handle)
            if ended.wait(HEARTBEAT):
                return

    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


def _fitted(options: Mapping[str, Any], halvings: int) -> dict[str, Any]:
    """Return the options at the batch size that is left after some halvings."""
    size = batch_size(options, halvings)
    return dict(options) | ({"batch_size": size} if halvings and size else {})


def _humble() -> None:
    """Raise the OOM score and apply OBCE_JOB_MEMORY."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    limit = job_memory()
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _again(run: Run) -> None:
    """Without a supervisor: continue in a fresh process image with half the batch, or write the final state."""
    status = run.stored()
    if status is None:
        return
    mine = Attempt(run, status.attempt)
    following = next_try(mine, status.reason)
    if following is None:
        mine.write(state="failed", ended=time.time())
        return
    sys.stderr.flush()
    os.execv(
        sys.executable,
        [sys.executable, "-P", "-m", "obce_core.jobs.worker", str(run.folder), "--attempt", str(following.number)],
    )


def _succeed(slot: int | None) -> None:
    """The supervisor has died: free the slot and start the next run in its place."""
    from obce_core.jobs.launchers.local import move_queue

    if slot is not None:
        os.close(slot)
    move_queue(60.0)


def _parse(arguments: list[str]) -> argparse.Namespace | None:
    parser = argparse.ArgumentParser(exit_on_error=False, add_help=False)
    parser.add_argument("folder", type=Path, nargs="?")
    for name in ("--attempt", "--lock", "--slot"):
        parser.add_argument(name, type=int)
    parser.add_argument("--kept", action="store_true")
    try:
        given, strangers = parser.parse_known_args(arguments)
    except argparse.ArgumentError:
        return None
    return None if strangers or given.folder is None else given


if __name__ == "__main__":
    raise SystemExit(main())
