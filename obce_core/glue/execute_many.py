"""Execute many units. Processes may share one list: each takes free units, and each unit is computed once."""

from __future__ import annotations

import errno
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from obce_core.errors import Cancelled, DiskFull, ObceError, Superseded, shorten
from obce_core.glue.evaluation import MODEL, Evaluation, evaluations_home, read_evaluation
from obce_core.glue.execute import perform
from obce_core.glue.execution import Execution
from obce_core.glue.unit import Prepared, Unit, prepare, training_steps, whole
from obce_core.glue.workspace import Taken
from obce_core.storage.staging import is_complete

_LOOK_SECONDS = 1.0
"""Between two looks whether one of the units that others hold is made, or was let go."""


def perform_all(
    units: Sequence[Unit],
    execution: Execution | None = None,
    *,
    glue_dir: str | Path | None = None,
    save_model: bool = False,
) -> tuple[list[Evaluation], list[str]]:
    """Make every evaluation of a list that is not there yet; return all of them in its order, and in words what failed.

    A unit that cannot be made (a task whose file is missing, a tokenizer that does not fit, an internal error) does not
    stop the others. Of a unit that another process works on the result is taken, after all that nobody is at; was it
    let go, this process goes on with it.

    Args:
        execution: device, checkpoints, callbacks. Its `progress` counts the steps of all units that do not exist yet;
            its `listener` receives the rows of their curves, each with the unit's `label`, `task`, `seed` and `unit`
            (its id).

    Raises:
        Cancelled: asked to stop; what was finished stays, what was begun is gone on with next time.
        Superseded, MemoryError, OSError: a newer attempt has begun, memory ran out, or the disk is full.
    """
    execution = execution or Execution()
    cache: dict[Any, Any] = {}
    ready: list[Prepared] = []
    failed: list[str] = []
    for unit in units:
        if execution.cancelled():
            raise Cancelled("Cancelled before the first evaluation began.")
        try:
            ready.append(prepare(unit, glue_dir=glue_dir, cache=cache))
        except Exception as error:
            failed.append(_not_made(unit, error))
    expected = {one.id: one for one in ready}
    steps_done: dict[str, int] = {}
    evaluation: dict[str, Evaluation] = {}
    # A unit that is cut after the training needs its original's model: that one keeps it, and is trained once.
    afterwards = (
        one
        for one in ready
        if one.unit.variant.order == "finetune-first" and not is_complete(evaluations_home() / one.id)
    )
    kept_items = set(expected) if save_model else {whole(one).id for one in afterwards}
    for name in expected:
        if name not in kept_items and is_complete(evaluations_home() / name):
            evaluation[name] = read_evaluation(evaluations_home() / name)
    missing = {name: one for name, one in expected.items() if name not in evaluation}
    steps = training_steps(missing.values(), trained=lambda name: (evaluations_home() / name / MODEL).is_dir())
    total = max(1, sum(steps.values()))
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1  # processes of one torchrun must take the units in one order

    def tell(name: str, at: int, _: int = 0) -> None:
        steps_done[name] = min(at, steps[name])
        execution.progress(sum(steps_done.values()), total)

    def row(one: Prepared, entry: Mapping[str, Any]) -> None:
        execution.listener({**_about(one), **entry})

    while missing:
        for name, one in list(missing.items()):
            if execution.cancelled():
                raise Cancelled(f"Cancelled; {len(evaluation)} of {len(units)} evaluations are there.")
            tell(name, 0)
            try:
                mine = replace(execution, progress=partial(tell, name), listener=partial(row, one))
                evaluation[name] = perform(one, mine, save_model=name in kept_items, wait=together)
            except Taken:
                continue  # looked at again once the others are through
            except Exception as error:
                failed.append(_not_made(one.unit, error))
            del missing[name]
            tell(name, steps[name])
            _free()
        if missing:
            time.sleep(_LOOK_SECONDS)
    execution.progress(total, total)
    return [evaluation[one.id] for one in ready if one.id in evaluation], failed


def _not_made(unit: Unit, error: Exception) -> str:
    """Say in a line why a unit cannot be made; raise the error again where it ends the whole run.

    What other units would meet as well ends it: a cancellation, a newer attempt, no memory (the launcher tries again
        with
    less) and a full disk. Anything else, an error in our own code too, concerns this unit alone.
    """
    if isinstance(error, (Cancelled, DiskFull, Superseded)) or _is_shortage(error):
        raise error
    if isinstance(error, ObceError):
        return f"{_name(unit)}: {error}"
    traceback.print_exception(error)
    return f"{_name(unit)}: internal error ({type(error).__name__}: {shorten(error, 120)}); the log has the details"


def _is_shortage(error: Exception) -> bool:
    message = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
        or any(words in message for words in ("out of memory", "allocate memory", "cannot allocate", "no space left"))
    )


def _about(one: Prepared) -> dict[str, Any]:
    return {"unit": one.id, "label": one.unit.variant.label, "task": one.unit.task, "seed": one.unit.seed}


def _free() -> None:
    """Free the memory of the last unit: a Trainer and its model refer to each other."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _name(unit: Unit) -> str:
    return f"{unit.variant.label}, {unit.task}, seed {unit.seed}"
