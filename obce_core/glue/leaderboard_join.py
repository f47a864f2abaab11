"""Join leaderboards of single tasks, so that a new score recomputes only the leaderboard of its task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from obce_core.glue.leaderboard import Row, leaderboard_order


def join(boards: Iterable[list[Row]]) -> list[Row]:
    """Join leaderboards of different tasks into one, equal to the result of one call of `leaderboard_rows`."""
    results: dict[str, Row] = {}
    for row in (row for rows in boards for row in rows):
        known = results.get(row.key)
        if known is None:
            results[row.key] = row
            continue
        first, more = sorted((known, row), key=_asked)
        cells = {**known.cells, **row.cells}
        results[row.key] = replace(
            first, cells=cells, parameters=max(known.parameters, more.parameters, row.parameters)
        )
    return sorted(results.values(), key=leaderboard_order)


def _asked(row: Row) -> float:
    return min(float(one.unit.get("asked", 0.0)) for cell in row.cells.values() for one in cell.evaluations.values())
