"""Carry many units out, one after the other; several processes may share one list, each unit is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from obce_core.errors import Cancelled, ObceError
from obce_core.glue.evaluation import Evaluation, evaluations_home, read_evaluation
from obce_core.glue.examples import Examples
from obce_core.glue.perform import perform
from obce_core.glue.trainer import Guard
from obce_core.glue.unit import Unit, prepare
from obce_core.store import is_complete


def perform_all(
    units: list[Unit],
    *,
    glue_dir: str | Path | None = None,
    device: str = "auto",
    save_model: bool = False,
    attempt: int = 1,
    guard: Guard = lambda: None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
    heard: Callable[[Mapping[str, Any]], None] = lambda row: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[list[Evaluation], list[str]]:
    """Make every evaluation of a list that is not there yet and return all of them, and what failed.

    A unit that cannot be made (a task whose file is missing, a loss that became NaN) does not stop the others.

    Args:
        progress: hears (per mille of the whole list done, 1000, what is at work).
        heard: hears rows of curves, each with the unit's `label`, `task`, `seed` and `unit` (its id).

    Raises:
        Cancelled: asked to stop; what was finished stays, what was begun is gone on with next time.
    """
    cache: dict[Any, Examples] = {}
    made: list[Evaluation] = []
    failed: list[str] = []
    for at, unit in enumerate(units):
        name = f"{unit.variant.label}, {unit.task}, seed {unit.seed}"
        if cancelled():
            raise Cancelled(f"Cancelled; {len(made)} of {len(units)} evaluations are there.")
        progress(1000 * at // len(units), 1000, f"{name} ({at + 1} of {len(units)})")
        try:
            prepared = prepare(unit, glue_dir=glue_dir, cache=cache)
            target = evaluations_home() / prepared.id
            if is_complete(target) and not save_model:
                made.append(read_evaluation(target))
                continue
            about = {"unit": prepared.id, "label": unit.variant.label, "task": unit.task, "seed": unit.seed}

            def step(done: int, total: int, at: int = at, name: str = name) -> None:
                share = (at + done / max(1, total)) / len(units)
                progress(int(1000 * share), 1000, f"{name} ({at + 1} of {len(units)}, step {done:,} of {total:,})")

            def row(entry: Mapping[str, Any], about: dict[str, Any] = about) -> None:
                heard({**about, **entry})

            made.append(
                perform(
                    prepared,
                    save_model=save_model,
                    device=device,
                    attempt=attempt,
                    guard=guard,
                    progress=step,
                    heard=row,
                    cancelled=cancelled,
                )  # fmt: skip
            )
        except Cancelled:
            raise
        except ObceError as error:
            failed.append(f"{name}: {error}")
    progress(1000, 1000, "evaluations")
    return made, failed
