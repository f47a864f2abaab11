"""The read-only mode: one check, called by every function that writes, deletes or starts jobs for a visitor."""

from __future__ import annotations

from obce_core import settings
from obce_core.errors import BadInput

HINT = "Run your own copy to do it: obce app."


class ReadOnly(BadInput):
    """A change that a read-only dashboard refuses."""


def refuse_if_read_only(action: str) -> None:
    """Raise ReadOnly if this process must not change anything (OBCE_READ_ONLY, `obce app --read-only`).

    Args:
        action: what was asked for, as the subject of the message: "Starting a job".
    """
    if settings.read_only():
        raise ReadOnly(f"{action} is not possible: this copy of OBCE is read-only.", hint=HINT)
