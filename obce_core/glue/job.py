"""Evaluations as a job: plain options in, ids out; the curve as it grows lies in the run's folder."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from obce_core.errors import BadInput
from obce_core.glue.evaluation import read_evaluation
from obce_core.glue.execution import Execution
from obce_core.glue.unit import Unit, read_unit
from obce_core.progress import Context
from obce_core.storage.atomic import open_append, open_regular, read_json

CURVE = "curve.jsonl"
"""In the run's folder: a line an event, with the unit's `label`, `task` and `seed`, `step`, and loss or scores."""


def evaluate_units(
    units: Sequence[Mapping[str, Any]],
    context: Context,
    *,
    glue_dir: str | None = None,
    device: str = "auto",
    save_model: bool = False,
    save_every: int = 500,
    batch_size: int | None = None,
) -> dict[str, Any]:
    """Make every evaluation that is not there yet.

    Args:
        units: units as plain data (see `Unit.plain`).
        context: the job; the curve is written into its folder.
        batch_size: examples computed at once, which a launcher halves after want of memory; None: each recipe's own.

    Returns:
        `evaluations` (ids, in order), `failed` (in words), `seconds`.

    Raises:
        BadInput: none of the units could be made.
    """
    from obce_core.glue.execute_many import perform_all

    began = time.time()
    units_ = [read_unit(unit) for unit in units]

    def write(row: Mapping[str, Any]) -> None:
        with open_append(context.folder / CURVE) as stream:
            stream.write((json.dumps(row) + "\n").encode())

    made, failed = perform_all(
        units_,
        Execution(
            device=device,
            save_every=save_every,
            batch_size=batch_size,
            attempt=context.attempt,
            guard=context.guard,
            progress=lambda done, total: context.progress(done, total, "steps"),
            listener=write,
            cancelled=context.cancelled,
        ),
        glue_dir=glue_dir,
        save_model=save_model,
    )
    if not made:
        raise BadInput("; ".join(failed) or "There are no evaluations to compute.")
    return {"evaluations": [one.id for one in made], "failed": failed, "seconds": time.time() - began}


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of a run's curves, the oldest first; a torn last line is skipped, a row told twice is told once.

    A unit that was restarted after a kill reports the steps since its last checkpoint again: the later row counts.
    """
    results: dict[tuple[str, int, bool], dict[str, Any]] = {}
    try:
        with open_regular(folder / CURVE) as stream:
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            row = json.loads(line)
            if _is_row(row):
                results[row["unit"], row["step"], "loss" in row] = row
        except (ValueError, RecursionError):
            continue
    return list(results.values())


def memory_of(units: Sequence[Mapping[str, Any]]) -> int | None:
    """Estimate the bytes that the largest of some units needs: weights, gradients and two moments of AdamW in float32,
    twice the weights for a checkpoint on its way to disk, and the activations of a batch."""
    from obce_core.models import check_model

    most = 0
    for model in {unit["variant"]["model"] for unit in units}:
        try:
            report = check_model(model)
        except BadInput:
            return None  # the job itself says what is wrong
        recipe = max(
            (read_unit(unit).recipe for unit in units), key=lambda recipe: recipe.batch_size // recipe.accumulation
        )
        shape, tokens = report.shape, recipe.batch_size // recipe.accumulation * recipe.max_length
        a_token = (
            shape.layers * (14 * shape.hidden + 3 * shape.intermediate)
            + 2 * shape.layers * shape.heads * recipe.max_length
        )
        most = max(most, report.memory_bytes + 4 * (5 * report.parameters + tokens * a_token))
    return most or None


def _is_row(row: object) -> bool:
    """Return True for a line of a curve: who it is of, its step, and numbers."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("unit", "label", "task")):
        return False
    rest = [value for name, value in row.items() if name not in ("unit", "label", "task")]
    return isinstance(row.get("step"), int) and all(isinstance(value, int | float) for value in rest)


def written(run_folder: Path) -> list[str]:
    """List the ids of a run's evaluations, finished or not: those of its result, else those of its curve."""
    try:
        document = read_json(run_folder / "result.json")["evaluations"]
        return [name for name in document if isinstance(name, str)]
    except (OSError, ValueError, KeyError, TypeError):
        units = dict.fromkeys(row["unit"] for row in read_curve(run_folder))
        return [unit for unit in units if _there(unit)]


def job_options(units: Sequence[Unit], **options: Any) -> dict[str, Any]:
    """Return what a job that makes some units is asked for; `batch_size` is what is halved when memory runs out."""
    most = max(unit.recipe.batch_size // unit.recipe.accumulation for unit in units)
    return {"units": plain_units(units), "batch_size": most, **options}


def plain_units(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Return units as plain data."""
    return [unit.plain() for unit in units]


def _there(unit: str) -> bool:
    try:
        read_evaluation(unit)
    except BadInput:
        return False
    return True
