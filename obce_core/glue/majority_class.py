"""The majority-class baseline beside a board: its scores by task, and which results do not lie above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from obce_core.glue.leaderboard import Row, TaskResult

TITLE = "majority class"
MARK = "not learned"
WORDS = (
    "Majority class: one answer for every example, from the labels of the split: accuracy is the share of the most "
    "frequent "
    "label, F1 that of the answer 1 throughout, Matthews, Pearson and Spearman are 0."
)
MARK_WORDS = (
    "Not learned: the 95 % interval of the score (bootstrap over examples) does not lie above the majority class."
)


@dataclass(frozen=True, kw_only=True)
class Unlearned:
    """A score of a board that does not lie above the baseline."""

    label: str
    task: str
    split: str
    metric: str

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"label": self.label, "task": self.task, "split": self.split, "metric": self.metric}


def baselines(rows: Sequence[Row], task: str) -> dict[tuple[str, str], tuple[float, ...]]:
    """Return the baseline scores of a task by (split, metric): several where rows have different examples."""
    values: dict[tuple[str, str], dict[float, None]] = {}
    for row in rows:
        if task in row.cells:
            for place, interval in row.cells[task].intervals.items():
                values.setdefault(place, {})[interval.baseline] = None
    return {place: tuple(sorted(scores)) for place, scores in values.items()}


def main_baselines(rows: Sequence[Row], task: str) -> tuple[float, ...]:
    """Return the scores of the baseline on a task's own split and metric."""
    cell = next((row.cells[task] for row in rows if task in row.cells), None)
    return baselines(rows, task)[cell.main] if cell is not None else ()


def mark(cell: TaskResult, place: tuple[str, str]) -> str:
    """Return the mark of a score that does not lie above the baseline, or an empty text."""
    return "" if cell.intervals[place].learned else MARK


def unlearned(rows: Sequence[Row]) -> list[Unlearned]:
    """List the scores of a board that do not lie above the baseline."""
    return [
        Unlearned(label=row.label, task=name, split=split, metric=metric)
        for row in rows
        for name, cell in row.cells.items()
        for (split, metric), interval in cell.intervals.items()
        if not interval.learned
    ]
