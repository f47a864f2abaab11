"""Read the records of a run: the rate of its progress, and the end of its log."""

from __future__ import annotations

import itertools
import os
import statistics
from pathlib import Path

from obce_core.storage.atomic import open_regular

_JUMP = 5.0
"""Progress that is this many times as fast as usual in a run is not counted."""


def progress_rate(samples: list[tuple[float, int]]) -> float | None:
    """Return the progress per second, from (time, done). A jump, where a resume starts at its checkpoint or another
    process computed a part, is not work of this process: steps five times as fast as usual do not count."""
    steps = [(later[1] - earlier[1], later[0] - earlier[0]) for earlier, later in itertools.pairwise(samples)]
    rates = [done / seconds for done, seconds in steps if done > 0 and seconds > 0]
    if not rates:
        return None
    usual = statistics.median_low(rates)
    kept_items = [
        (done, seconds) for done, seconds in steps if done >= 0 and seconds > 0 and done / seconds <= _JUMP * usual
    ]
    return sum(done for done, _ in kept_items) / sum(seconds for _, seconds in kept_items)


def tail_of(path: Path, limit: int) -> str:
    """Return the last bytes of a file as text; "" if it cannot be read."""
    try:
        with open_regular(path) as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - limit))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
