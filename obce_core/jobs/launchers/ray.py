"""The Ray launcher: the same command, sent to a cluster that the user started, through Ray's Job API.

The run's folder lies on a disk that all nodes see, and stays the truth; Ray's word is a second opinion. A worker is
taken for gone only when both agree: Ray says that its job ended, and the lock is free and the heart silent. The app
never calls `ray.init()`: that would start a cluster inside it, which ends with it.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import BadInput, Offline, Superseded, shorten
from obce_core.jobs.attempts import Attempt, next_attempt
from obce_core.jobs.exit_status import ASKED, Death, name_death
from obce_core.jobs.launchers.base import needed_memory
from obce_core.jobs.launchers.ray_cluster import check_address
from obce_core.jobs.launchers.ray_cluster import client as client_of
from obce_core.jobs.queue import wants_gpu
from obce_core.jobs.registry import create_run
from obce_core.jobs.run import HEARTBEAT, Run
from obce_core.jobs.spawn import environment
from obce_core.jobs.status import FINAL, Status
from obce_core.settings import ray_address

LOSSES = 3
"""So often a run is taken up again, unasked, after its machine was lost."""

_GRACE = 1.0
_ANSWERED = 60.0
"""Seconds between a cancel and Ray's own stop, for a worker that has not answered and for one that has."""

_CARRIED = (
    "OBCE_CACHE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "HF_HUB_DISABLE_TELEMETRY",
    "OBCE_JOB_MEMORY",
    "OMP_NUM_THREADS",
)


class RayLauncher:
    """Send, probe, cancel and resume jobs on a Ray cluster.

    Args:
        address: the cluster's dashboard, `http://host:8265` (None: the run's own, else OBCE_RAY_ADDRESS or
            RAY_ADDRESS).
        cpus: processors that a job reserves.
        gpus: GPUs that a job reserves (None: one when the job would use one, which needs a cluster with GPUs).
        python: the interpreter on the nodes.
        confirmed: a person confirmed that this address may receive the token, though it is not the configured one.
    """

    name = "ray"

    def __init__(
        self,
        address: str | None = None,
        *,
        cpus: float = 1.0,
        gpus: float | None = 0.0,
        python: str = sys.executable,
        confirmed: bool = False,
    ) -> None:
        self.address, self.confirmed = address or ray_address(), confirmed
        self.cpus, self.gpus, self.python = cpus, gpus, python

    def submit(self, kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> Run:
        """Send a job, or return the one that this nonce already sent."""
        refuse_if_read_only("Starting a job")
        memory = needed_memory(kind, options, here=False)
        address = check_address(self.address, confirmed=self.confirmed)
        launch = {
            "address": address,
            "confirmed": self.confirmed,
            "cpus": self.cpus,
            "gpus": self.gpus,
            "python": self.python,
        }
        client = client_of(address)
        run, fresh = create_run(kind, options, nonce, form=form, launcher=self.name, launch=launch, memory=memory)
        if fresh:
            _send(run, client)
        return run

    def probe(self, run: Run) -> Status:
        """Return a job's state, after holding it against Ray's; a job whose machine was lost is taken up again."""
        stored = run.stored()
        if stored is None or stored.state in FINAL or stored.launcher != self.name or settings.read_only():
            return run.status()
        try:
            client = client_of(
                check_address(str(stored.launch.get("address")), confirmed=stored.launch.get("confirmed") is True)
            )
            info = _info(client, run, stored)
        except Offline:
            return run.status()  # only the folder can answer
        except BadInput as error:  # an address that may not receive the token (any more)
            return replace(run.status(), reason=error.message)
        if run.cancel_requested() and _must_stop(run, stored):
            _stop(client, run, stored)
            info = _info(client, run, stored)
        if info is None:
            return self._unknown(run, stored, client)
        if info.status.value in {"PENDING", "RUNNING"}:
            status = run.status()
            return (
                replace(stored, reason="no sign of life from its worker; Ray says that it runs")
                if status.state == "lost"
                else status
            )
        return self._ended(run, stored, info, client)

    def cancel(self, run: Run) -> None:
        """Ask a job to end through its folder; Ray stops it when it does not answer (see `probe`)."""
        run.cancel()
        self.probe(run)

    def resume(self, run: Run) -> Run:
        """Send a job that ended without a result once more."""
        refuse_if_read_only("Resuming a job")
        status = run.stored()
        launch = dict(status.launch) if status is not None and status.launcher == self.name else {}
        known = launch.get("address")
        address = self.address or known
        confirmed = self.confirmed or (address == known and launch.get("confirmed") is True)
        address = check_address(address, confirmed=confirmed)
        launch = (
            {"cpus": self.cpus, "gpus": self.gpus, "python": self.python}
            | launch
            | {"address": address, "confirmed": confirmed}
        )
        client = client_of(address)
        next_attempt(run, launcher=self.name, launch=launch)
        _send(run, client)
        return run

    def _unknown(self, run: Run, stored: Status, client: Any) -> Status:
        """Ray has never heard of it: the submitter died before it could tell, or the cluster is a new one."""
        if stored.state == "queued" and not run.is_alive(stored):
            _send(run, client)
            return run.status()
        return (
            self._again(run, stored, "the cluster does not know it any more", client)
            if _is_silent(run)
            else run.status()
        )

    def _ended(self, run: Run, stored: Status, info: Any, client: Any) -> Status:
        latest = run.stored()
        if latest is None or latest.state in FINAL or latest.attempt != stored.attempt:
            return run.status()
        stopped = info.status.value == "STOPPED"
        if run.is_held() or (stored.state == "running" and not stopped and not _is_silent(run)):
            return replace(latest, state="running")  # Ray has lost sight of it, its folder has not
        attempt = Attempt(run, stored.attempt)
        if stopped or run.cancel_requested():
            return attempt.write(state="cancelled", reason=f"{ASKED}; ended by Ray", ended=time.time())
        message = shorten(str(info.message).splitlines()[0] if info.message else info.status.value, 200)
        if "ENTRYPOINT" not in str(info.error_type) and info.status.value == "FAILED":
            return self._again(run, stored, f"its node was lost ({message})", client)
        code = int(info.driver_exit_code or 0)
        state, reason, _ = name_death(Death(128 - code if code > 128 else code), latest, cancelled=False)
        return attempt.write(state=state, reason=reason, ended=time.time())

    def _again(self, run: Run, stored: Status, why: str, client: Any) -> Status:
        if stored.losses >= LOSSES:
            reason = f"{why}, {LOSSES + 1} times; resume continues from the last checkpoint"
            return Attempt(run, stored.attempt).write(state="lost", reason=reason, ended=time.time())
        with suppress(Superseded):
            next_attempt(
                run, lost_contact=True, seen=stored.attempt, losses=stored.losses + 1, reason=f"taken up again: {why}"
            )
            _send(run, client)
        return run.status()


def submission_id(run: Run, attempt: int) -> str:
    """Return the name that an attempt has at Ray; the same one twice is refused there."""
    return f"{run.id}-a{attempt}"


def _send(run: Run, client: Any) -> None:
    status = run.stored()
    if status is None:
        raise BadInput(f"The status of run {run.id} cannot be read.")
    launch = status.launch
    gpus = launch["gpus"] if launch["gpus"] is not None else float(wants_gpu(run))
    words = [str(launch["python"]), "-m", "obce_core.jobs.worker", str(run.folder), "--attempt", str(status.attempt)]
    known = environment()
    options = {name: known[name] for name in _CARRIED if name in known} | dict(run.spec.get("environment", {}))
    try:
        client.submit_job(
            entrypoint=f"exec {shlex.join(words)} >> {shlex.quote(str(run.folder / 'log.txt'))} 2>&1",
            submission_id=submission_id(run, status.attempt),
            runtime_env={"env_vars": options},
            entrypoint_num_cpus=launch["cpus"],
            entrypoint_num_gpus=gpus or None,
        )
    except Exception as error:  # Ray raises RuntimeError for every answer that is no success, and requests' own besides
        if "already exists" not in str(error):  # it stays queued, and the next look tries again
            Attempt(run, status.attempt).write(reason=f"Ray did not take it yet: {shorten(error, 200)}")


def _info(client: Any, run: Run, status: Status) -> Any:
    try:
        return client.get_job_info(submission_id(run, status.attempt))
    except RuntimeError as error:
        if "does not exist" in str(error) or "404" in str(error):
            return None
        raise Offline(f"The Ray cluster did not answer: {shorten(error, 200)}") from None
    except Exception as error:
        raise Offline(f"The Ray cluster did not answer: {shorten(error, 200)}") from None


def _must_stop(run: Run, status: Status) -> bool:
    """Return True if the grace period of a cancel through the folder is over."""
    if status.state == "queued" and not run.is_alive(status):
        return True
    path: Path = run.folder / "CANCEL"
    try:
        return time.time() - path.stat().st_mtime > (_ANSWERED if (run.folder / "STOPPING").exists() else _GRACE)
    except OSError:
        return False


def _stop(client: Any, run: Run, status: Status) -> None:
    try:
        client.stop_job(submission_id(run, status.attempt))
    except Exception as error:
        run.add_log(f"Ray did not stop it: {shorten(error, 300)}")


def _is_silent(run: Run) -> bool:
    return not run.is_held() and run.silence() > 2 * HEARTBEAT
