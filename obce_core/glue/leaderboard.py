"""The leaderboard: evaluations grouped by model, with scores per task, spread, difference to the original, and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from obce_core.glue.evaluation import Evaluation
from obce_core.glue.learning_rate import Rate, plain_rate
from obce_core.glue.statistics import RESAMPLES, Difference, Interval, Spread, changed, difference, interval, spread
from obce_core.glue.tasks import TASKS, Task
from obce_core.storage.digests import digest


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskResult:
    """One model on one task: its evaluations by seed, the spread of each score, and the difference to another row's.

    `spreads`, `intervals` and `differences` are by (split, metric). An interval is of the seeds that were scored on the
    newest one's examples; `differences` is empty where the other row has no seed in common. `against` is what they are
    differences to. `other_data` counts evaluations left out: of the same seed, on other examples, and older.
    """

    evaluations: Mapping[int, Evaluation]
    spreads: Mapping[tuple[str, str], Spread]
    intervals: Mapping[tuple[str, str], Interval]
    differences: Mapping[tuple[str, str], Difference]
    against: str = ""
    other_data: int = 0

    @property
    def task(self) -> Task:
        return next(iter(self.evaluations.values())).task

    @property
    def main(self) -> tuple[str, str]:
        """The split and metric that stand for the task."""
        return self.task.validation[0], self.task.metric


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One model of the board: an original, a cut, or a control, with one recipe.

    `key` names it; `parameters` are stored ones, head included (it may differ by a few from task to task: the largest
    is told); `tier` names the recipe, `recipe` is as it was asked for, `learning_rate` what it was trained with (see
    `rates`). `share` is what is left of the original's encoder, None where that is not known. `original`: nothing of it
    was cut, neither by a plan nor before, in its folder. `older`: evaluations of the older kind, which name the weights
    of the model only.
    """

    key: str
    label: str
    model: str
    original: bool
    plan: str | None
    order: str | None
    tier: str
    recipe: Mapping[str, Any]
    learning_rate: Rate
    parameters: int
    encoder: int
    share: float | None
    cells: Mapping[str, TaskResult]
    older: bool = False

    @property
    def recipe_words(self) -> str:
        """The tier with the learning rate."""
        selection = self.recipe["learning_rate"] is None and self.recipe["epochs"]
        return f"{self.tier}, learning rate {plain_rate(self.learning_rate[0])}" if selection else self.tier


def leaderboard_rows(evaluations: Sequence[Evaluation], *, resamples: int = RESAMPLES) -> list[Row]:
    """Group evaluations into rows of one model, cut, order and recipe: originals first, then by size and name.

    The same model is the same whole identity; evaluations of the older kind, which name the weights only, have rows of
    their own. Each cell's difference is to the uncut model with the same recipe, data and seeds.
    """
    groups: dict[str, list[Evaluation]] = {}
    for one in sorted(evaluations, key=lambda one: one.unit.get("asked", 0.0)):
        groups.setdefault(_key(one), []).append(one)
    originals: dict[str, list[Evaluation]] = {}
    for members in groups.values():
        if _is_original(members[0]):
            originals.update(dict.fromkeys(_families(members[0]), members))
    rows = [
        _row(key, members, originals.get(_families(members[0])[0], []), resamples) for key, members in groups.items()
    ]
    return sorted(rows, key=leaderboard_order)


def leaderboard_order(row: Row) -> tuple[bool, int, str]:
    """Sort rows: originals first, then by size, then by name."""
    return not row.original, -row.parameters, row.label


def compare_rows(ours: Row, other: Row, *, resamples: int = RESAMPLES) -> dict[str, TaskResult]:
    """Return the cells of `ours` with differences to another row, on the tasks that both have with a seed in common."""
    results = {}
    for name, cell in ours.cells.items():
        if name in other.cells:
            cell_difference = _cell(
                list(cell.evaluations.values()), list(other.cells[name].evaluations.values()), resamples
            )
            if cell_difference.differences:
                results[name] = cell_difference
    return results


def changes(ours: TaskResult, others: Mapping[int, Evaluation], split: str) -> dict[str, np.ndarray]:
    """Count for each example the seeds in which the answer changed (see `changed`), with the label and answers.

    Returns:
        `lost`, `won`, `moved`, `label` of shape (examples,); `ours`, `others` of shape (seeds, examples).
    """
    seeds = [seed for seed in ours.evaluations if seed in others]
    mine = [ours.evaluations[seed].predictions(split) for seed in seeds]
    theirs = [others[seed].predictions(split) for seed in seeds]
    a, b = (np.stack([one["prediction"] for one in part]) for part in (mine, theirs))
    label = mine[0]["label"]
    return {**changed(label, a, b), "label": label, "ours": a, "others": b}


def front(rows: Sequence[Row], task: str) -> list[str]:
    """Name the rows that no other row beats on a task: none has at most as many parameters and a higher mean score.

    Returns:
        Keys, by rising number of parameters.
    """
    points = [
        (row.parameters, -row.cells[task].spreads[row.cells[task].main].mean, row.key)
        for row in rows
        if task in row.cells
    ]
    found, best = [], np.inf
    for _, negative, key in sorted(points):
        if negative < best:
            found.append(key)
            best = negative
    return found


def _key(one: Evaluation) -> str:
    model = [one.unit["model"], one.identity.digest] if one.identity is not None else one.unit["model"]
    return digest(
        [model, one.unit["plan"], one.unit["order"], one.unit["intent"], one.unit.get("control"), one.recipe.plain()]
    )[:16]


def _families(one: Evaluation) -> tuple[str, str]:
    """Name the uncut model with the recipe, by its identity where it is known and by its weights alone.

    The first is the name by which an evaluation looks for its original; an original stands under both. What was cut in
    a folder that does not say from which model stands alone.
    """
    origin = one.unit.get("origin")
    if origin is None:
        weights, identity = one.unit["model"], one.identity.digest if one.identity is not None else None
    else:
        weights, identity = origin["model"], origin.get("identity")
    by_weights = digest([weights, one.recipe.plain()])
    return (digest([weights, identity, one.recipe.plain()]) if identity else by_weights), by_weights


def _is_original(one: Evaluation) -> bool:
    return one.unit["plan"] is None and one.unit.get("origin") is None


def _row(key: str, members: list[Evaluation], originals: list[Evaluation], resamples: int) -> Row:
    first = members[0]
    tasks = {name: [one for one in members if one.task.name == name] for name in TASKS}
    cells = {
        name: _cell(
            own, [one for one in originals if one.task.name == name] if not _is_original(first) else [], resamples
        )
        for name, own in tasks.items()
        if own
    }
    whole = first.result.get("original_encoder")
    return Row(
        key=key,
        label=first.label,
        model=str(first.unit["model_name"]),
        original=_is_original(first),
        plan=first.unit["plan"],
        order=first.unit["order"],
        tier=first.tier,
        recipe=first.recipe.plain(),
        learning_rate=first.learning_rate,
        parameters=max(int(one.result["parameters"]) for one in members),
        encoder=int(first.result["encoder"]),
        share=first.result["encoder"] / whole if whole else None,
        cells=cells,
        older=first.identity is None,
    )


def _cell(own: list[Evaluation], others: list[Evaluation], resamples: int) -> TaskResult:
    task = own[0].task
    mine = {
        one.seed: one for one in sorted(own, key=lambda one: (one.seed, one.unit.get("asked", 0.0)))
    }  # of two, the newest
    theirs: dict[int, Evaluation] = {}
    for one in others:
        if one.seed in mine and one.unit["train"] == mine[one.seed].unit["train"]:
            theirs[one.seed] = one
    spreads, differences, intervals = {}, {}, {}
    newest = max(mine.values(), key=lambda one: one.unit.get("asked", 0.0))
    for split in task.validation:
        same = [
            one.predictions(split) for one in mine.values() if one.unit["splits"][split] == newest.unit["splits"][split]
        ]
        answers = np.stack([one["prediction"] for one in same])
        seeds = [
            seed
            for seed in mine
            if seed in theirs and mine[seed].unit["splits"][split] == theirs[seed].unit["splits"][split]
        ]
        a = [mine[seed].predictions(split) for seed in seeds]
        b = [theirs[seed].predictions(split) for seed in seeds]
        for metric in task.metrics:
            spreads[split, metric] = spread([one.scores[split][metric] for one in mine.values()])
            intervals[split, metric] = interval(metric, same[0]["label"], answers, resamples=resamples)
            if seeds:
                stacked = (np.stack([one["prediction"] for one in part]) for part in (a, b))
                differences[split, metric] = difference(metric, a[0]["label"], *stacked, resamples=resamples)
    against = next((one.label for one in theirs.values()), others[0].label if others else "")
    return TaskResult(
        evaluations=mine,
        spreads=spreads,
        intervals=intervals,
        differences=differences,
        against=against,
        other_data=len(own) - len(mine),
    )
