"""Many processes, the same content-addressed units, with locks and without: every unit is there, whole, whoever is
killed."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arena import Outcome, arena, until
from obce_core.glue.evaluation import list_evaluations
from obce_core.glue.recipe import Recipe
from obce_core.glue.unit import Unit, Variant
from obce_core.storage.atomic import write_json
from obce_core.storage.staging import staged_folder
from tests import gluefolder, tiny


def same_units(units: int = 200, processes: int = 8, kills: int = 4) -> Outcome:
    """C9: processes compute the same content-addressed units without any lock; some are killed."""
    with arena("C9", f"{processes} processes compute the same {units} units, {kills} killed") as outcome:
        home = Path(os.environ["OBCE_CACHE"]) / "evaluations"
        home.mkdir()
        spawn, chance = multiprocessing.get_context("fork"), random.Random(9)
        made = spawn.Array("i", processes)
        workers = [spawn.Process(target=_units, args=(home, units, made, at)) for at in range(processes)]
        for worker in workers:
            worker.start()
        _kill_some(workers, kills, outcome, lambda: chance.uniform(0.02, 0.2))
        found = [path for path in home.iterdir() if ".tmp-" not in path.name]
        wrong = [path.name for path in found if not _is_right(path)]
        outcome.expect(len(found) == units and not wrong, f"{len(found)} units, wrong: {wrong[:3]}")
        left = len([path for path in home.iterdir() if ".tmp-" in path.name])
        outcome.expect(left <= kills, f"{left} half-written, {kills} killed")
        outcome.figures |= {"units": len(found), "computed": sum(made), "half_written_by_the_killed": left}
    return outcome


def same_evaluations(units: int = 24, processes: int = 8, kills: int = 4, *, locks: bool = True) -> Outcome:
    """C9 on real evaluations: processes share one list, some are killed; without `locks` flock succeeds whoever holds
    the file.

    With locks no evaluation is finished twice, but for what the killed had in hand; without, many are, and each is
    whole and right.
    """
    words = "shared by" if locks else "at which flock does nothing, made by"
    with (
        tempfile.TemporaryDirectory(prefix="obce-units-") as aside,
        arena("C9", f"{units} evaluations {words} {processes} processes, {kills} killed") as outcome,
    ):
        tiny.save_tiny(Path(aside) / "tiny")
        glue = gluefolder.write_tasks(Path(aside) / "glue", "mrpc")
        recipe, variant = (
            Recipe(epochs=3, batch_size=8, max_length=24),
            Variant(label="original", model=str(Path(aside) / "tiny")),
        )
        wanted = [Unit(variant=variant, task="mrpc", seed=seed, recipe=recipe) for seed in range(units)]
        here, chance = os.environ["OBCE_CACHE"], random.Random(9)
        spawn = multiprocessing.get_context("fork")
        made = spawn.Array("i", processes + 1)

        def begin(at: int, cache: str, locked: bool) -> Any:
            process = spawn.Process(target=_evaluations, args=(wanted, glue, made, at, cache, locked))
            process.start()
            return process

        begin(processes, str(Path(aside) / "undisturbed"), True).join()
        workers = [begin(at, here, locks) for at in range(processes)]
        until(lambda: sum(made[:processes]) > 0 or not any(worker.is_alive() for worker in workers))
        _kill_some(workers, kills, outcome, lambda: chance.uniform(0.05, 0.4))
        found = {one.seed: one.result["weights_sha256"] for one in list_evaluations()}
        os.environ["OBCE_CACHE"] = str(Path(aside) / "undisturbed")
        right = {one.seed: one.result["weights_sha256"] for one in list_evaluations()}
        os.environ["OBCE_CACHE"] = here
        outcome.expect(len(right) == units and found == right, "other weights than those of one undisturbed process")
        finished = sum(made[:processes])
        outcome.expect(finished <= units + kills or not locks, f"{finished} were finished, {units} were wanted")
        outcome.figures |= {"evaluations": len(found), "finished": finished}
    return outcome


def _kill_some(workers: list[Any], kills: int, outcome: Outcome, pause: Callable[[], float]) -> None:
    """Kill the first of some processes, a pause before each, and expect of the others that they end well."""
    for worker in workers[:kills]:
        time.sleep(pause())
        worker.kill()
    for worker in workers:
        worker.join()
    outcome.expect(all(worker.exitcode == 0 for worker in workers[kills:]), "a process failed")


def _evaluations(wanted: list[Unit], glue: Path, made: Any, at: int, cache: str, locked: bool) -> None:
    import torch

    from obce_core.glue.execute_many import perform_all
    from obce_core.glue.execution import Execution

    os.environ["OBCE_CACHE"] = cache
    torch.set_num_threads(1)
    if not locked:
        fcntl.flock = lambda *_: None
    last = wanted[0].recipe.steps_over(48)

    def listen(row: Any) -> None:
        made[at] += "validation_f1" in row and row["step"] == last

    _, failed = perform_all(wanted, Execution(device="cpu", save_every=4, listener=listen), glue_dir=glue)
    if failed:
        raise RuntimeError("; ".join(failed))


def _units(home: Path, units: int, made: Any, at: int) -> None:
    order = np.random.default_rng(at % 2).permutation(units)  # half of them the other way round
    for number in order:
        target = home / f"unit-{number:04d}"
        if (target / "MANIFEST.json").exists():
            continue
        with staged_folder(target, keep_existing=True) as stage:
            values = np.random.default_rng(int(number)).standard_normal((400, 100))
            write_json(stage / "numbers.json", {"unit": int(number), "trace": float(np.trace(values @ values.T))})
            (stage / "values.bin").write_bytes(values.tobytes())
        made[at] += 1


def _is_right(path: Path) -> bool:
    values = np.random.default_rng(int(path.name[5:])).standard_normal((400, 100))
    return (path / "values.bin").read_bytes() == values.tobytes()
