"""Carry many units out, one after the other; several processes may share one list, each unit is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from obce_core.errors import Cancelled, ObceError
from obce_core.glue.evaluation import Evaluation, evaluations_home, read_evaluation
from obce_core.glue.perform import perform
from obce_core.glue.trainer import Guard
from obce_core.glue.unit import Prepared, Unit, prepare
from obce_core.store import is_complete


def perform_all(
    units: Sequence[Unit],
    *,
    glue_dir: str | Path | None = None,
    device: str = "auto",
    save_model: bool = False,
    attempt: int = 1,
    guard: Guard = lambda: None,
    save_every: int = 500,
    batch_size: int | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
    heard: Callable[[Mapping[str, Any]], None] = lambda row: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[list[Evaluation], list[str]]:
    """Make every evaluation of a list that is not there yet; return all of them in its order, and in words what failed.

    A unit that cannot be made (a task whose file is missing, a loss that became NaN) does not stop the others.

    Args:
        progress: hears (steps done, steps in all, "steps"), counting the units that are not there yet.
        batch_size: see `perform`.
        heard: hears rows of curves, each with the unit's `label`, `task`, `seed` and `unit` (its id).

    Raises:
        Cancelled: asked to stop; what was finished stays, what was begun is gone on with next time.
    """
    cache: dict[Any, Any] = {}
    ready: list[Prepared] = []
    failed: list[str] = []
    for unit in units:
        if cancelled():
            raise Cancelled("Cancelled before the first evaluation began.")
        try:
            ready.append(prepare(unit, glue_dir=glue_dir, cache=cache))
        except ObceError as error:
            failed.append(f"{_name(unit)}: {error}")
    missing = {one.id: one.steps for one in ready if save_model or not is_complete(evaluations_home() / one.id)}
    total, done = max(1, sum(missing.values())), 0
    made: list[Evaluation] = []
    for one in ready:
        if cancelled():
            raise Cancelled(f"Cancelled; {len(made)} of {len(units)} evaluations are there.")
        progress(done, total, "steps")
        if one.id not in missing:
            made.append(read_evaluation(evaluations_home() / one.id))
            continue
        about = {"unit": one.id, "label": one.unit.variant.label, "task": one.unit.task, "seed": one.unit.seed}

        def step(at: int, _: int, before: int = done) -> None:
            progress(before + at, total, "steps")

        def row(entry: Mapping[str, Any], about: dict[str, Any] = about) -> None:
            heard({**about, **entry})

        try:
            made.append(
                perform(
                    one,
                    save_model=save_model,
                    device=device,
                    attempt=attempt,
                    guard=guard,
                    save_every=save_every,
                    batch_size=batch_size,
                    progress=step,
                    heard=row,
                    cancelled=cancelled,
                )
            )
        except Cancelled:
            raise
        except ObceError as error:
            failed.append(f"{_name(one.unit)}: {error}")
        done += missing.pop(one.id)
        _free()
    progress(total, total, "steps")
    return made, failed


def _free() -> None:
    """Give back what the last unit held: a Trainer and its model refer to each other, and would wait for the collector."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _name(unit: Unit) -> str:
    return f"{unit.variant.label}, {unit.task}, seed {unit.seed}"
