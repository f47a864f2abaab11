"""The local launcher: a detached process a job, which outlives page, browser and server."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from obce_core.errors import ObceError
from obce_core.jobs.child import command, environment
from obce_core.jobs.folder import Run, Status, create_run
from obce_core.jobs.kinds import kind_of

_NICE = 10
"""Workers give way to the dashboard."""


_STARTED: list[subprocess.Popen[bytes]] = []
"""Workers of this process, kept so that the ended ones are reaped and none is warned of as forgotten."""


class LocalLauncher:
    """Start, probe and cancel jobs on this machine. No service, no port."""

    name = "local"

    def submit(self, kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> Run:
        """Start a job, or return the one that this nonce already started."""
        kind_of(kind)
        run, fresh = create_run(kind, options, nonce, form=form)
        if fresh:
            self._start(run)
        return run

    def probe(self, run: Run) -> Status:
        """Return a job's state."""
        return run.status()

    def cancel(self, run: Run) -> None:
        """Ask a job to end."""
        run.cancel()

    def _start(self, run: Run) -> None:
        try:
            with (run.folder / "log.txt").open("ab") as log:
                _STARTED[:] = [worker for worker in _STARTED if worker.poll() is None]
                worker = subprocess.Popen(
                    command("obce_core.jobs.worker", run.folder, nice=_NICE),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    cwd=run.folder,
                    start_new_session=True,
                    close_fds=True,
                )
                _STARTED.append(worker)
        except OSError as error:
            run.write_status(Status(state="failed", reason=f"could not be started: {error.strerror or error}"))
            raise ObceError(f"The worker could not be started: {error.strerror or error}.") from None
