"""Many processes, the same content-addressed units, no lock: every unit is there, whole, whoever is killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arena import Outcome, arena
from obce_core.store import staged_folder, write_json


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
        for worker in workers[:kills]:
            time.sleep(chance.uniform(0.02, 0.2))
            worker.kill()
        for worker in workers:
            worker.join()
        outcome.expect(all(worker.exitcode == 0 for worker in workers[kills:]), "a process failed")
        found = [path for path in home.iterdir() if ".tmp-" not in path.name]
        wrong = [path.name for path in found if not _is_right(path)]
        outcome.expect(len(found) == units and not wrong, f"{len(found)} units, wrong: {wrong[:3]}")
        left = len([path for path in home.iterdir() if ".tmp-" in path.name])
        outcome.expect(left <= kills, f"{left} half-written, {kills} killed")
        outcome.figures |= {"units": len(found), "computed": sum(made), "half_written_by_the_killed": left}
    return outcome


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
