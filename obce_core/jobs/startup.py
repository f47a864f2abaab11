"""What an analysis takes beside its measured part, from the runs that made the saved ones: the start of the process,
the imports, the check and the loading of the model, the reading of the texts."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable

from obce_core.analysis.catalog import Saved
from obce_core.jobs.registry import list_runs

_NEWEST = 200
"""Runs that are looked at; older ones tell of another state of this machine."""


def start_seconds(saved: Iterable[Saved]) -> dict[str, float]:
    """Return by analysis id the seconds of its run from request to end, without the measured part.

    Only runs that computed their analysis count: one that found it there has a start, but of less work. A wait for a
        free
    place is part of the time; callers that combine several of these take the lower median.
    """
    known_values = {entry.id: entry.meta for entry in saved}
    seconds: dict[str, float] = {}
    for run in list_runs()[:_NEWEST]:
        result = run.result() if run.kind == "analyze" else None
        meta = known_values.get(str(result.get("analysis"))) if isinstance(result, dict) else None
        status = run.stored()
        if meta is None or status is None or status.started is None or status.ended is None or status.attempt != 1:
            continue
        created = calendar.timegm(time.strptime(str(meta["created"]), "%Y-%m-%dT%H:%M:%SZ"))
        rest = status.ended - (status.queued or status.started) - float(meta.get("seconds", 0))
        if int(status.started) <= created <= status.ended and rest > 0:
            seconds.setdefault(str(meta["id"]), rest)
    return seconds
