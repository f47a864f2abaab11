"""The interface of launchers. Every launcher runs the same command on the same folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from obce_core.errors import BadInput
from obce_core.jobs.kinds import kind_of
from obce_core.jobs.run import Run
from obce_core.jobs.status import Status
from obce_core.settings import job_memory
from obce_core.storage.resources import total_memory


class Launcher(Protocol):
    """A launcher: starts, probes, cancels and resumes jobs. `name` is stored in the status of the run."""

    name: str

    def submit(self, kind: str, options: Mapping[str, Any], nonce: str | None = None, *, form: str = "") -> Run:
        """Ask for a job, or return the one that this nonce already asked for; it starts when there is room.

        Raises:
            UnknownName: there is no such kind.
            BadInput: it needs more memory than there is.
        """

    def probe(self, run: Run) -> Status:
        """Return a job's state, and do what is due: start it, or take it up again after a lost machine."""

    def cancel(self, run: Run) -> None:
        """Ask a job to end; it is made to when it does not answer."""

    def resume(self, run: Run) -> Run:
        """Restart a cancelled, failed or lost job from its newest valid checkpoint.

        Raises:
            BadInput: it is waiting, at work or done.
        """


def needed_memory(kind: str, options: Mapping[str, Any], *, here: bool) -> int | None:
    """Estimate the bytes that a job needs (None: not known).

    Args:
        here: it is to run on this machine; then what cannot fit is refused.

    Raises:
        BadInput: more than the machine has, or than OBCE_JOB_MEMORY allows; with both numbers.
    """
    estimate = kind_of(kind).memory
    need = estimate(options) if estimate is not None else None
    if need is not None and here:
        limits = {"this machine has": total_memory(), "OBCE_JOB_MEMORY allows": job_memory()}
        for words, limit in limits.items():
            if limit is not None and need > limit:
                raise BadInput(
                    f"This job needs about {gigabytes(need)}; {words} {gigabytes(limit)}.",
                    hint="Choose a smaller model or batch.",
                )
    return need


def gigabytes(count: int) -> str:
    """Say a number of bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
