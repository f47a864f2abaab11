"""A real fine-tuning, killed again and again: the evaluation it leaves is that of an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.arena import Outcome, arena, until, worker_pid
from obce_core.cache.fsck.folders import check_since, committed_units
from obce_core.glue.evaluation import evaluations_home, list_evaluations
from obce_core.glue.job import plain_units
from obce_core.glue.recipe import Recipe
from obce_core.glue.unit import Unit, Variant, prepare
from obce_core.jobs import FINAL, LocalLauncher, Run, create_run
from obce_core.jobs.worker import execute
from obce_core.storage.checkpoints import committed
from tests import gluefolder, tiny

RECIPE = Recipe(epochs=120, batch_size=8, max_length=24)


def finetuning_killed(kills: int = 30, inside: int = 10) -> Outcome:
    """C4 on fine-tuning: the worker is killed `kills` times, `inside` of them while it writes a checkpoint, and resumed
    each time.

    A tiny BERT on made-up sentence pairs, 720 steps, a checkpoint every 12 (so a kill finds work to lose).
    """
    with (
        tempfile.TemporaryDirectory(prefix="obce-finetune-") as aside,
        arena("C4", f"fine-tuning killed {kills} times") as outcome,
    ):
        options = _options(Path(aside))
        right = _undisturbed(options, outcome)
        chance, launcher = random.Random(4), LocalLauncher()
        run = launcher.submit("evaluate", options)
        unit = prepare(_unit(Path(aside)), glue_dir=options["glue_dir"])
        home = evaluations_home() / ".work" / unit.id / "checkpoints"
        done, within = 0, 0
        while done < kills:
            until(lambda: launcher.probe(run).state in ("running", *FINAL))
            if launcher.probe(run).state in FINAL:
                break
            pid, before, reached = worker_pid(run), committed_units(), run.progress().done
            until(lambda reached=reached: run.progress().done > reached or launcher.probe(run).state in FINAL)
            if within < inside:
                until(lambda: any(home.glob("*.tmp-*")) or launcher.probe(run).state in FINAL, every=0.0005)
            else:
                time.sleep(chance.uniform(0.0, 0.4))
            caught = any(home.glob("*.tmp-*"))
            if launcher.probe(run).state in FINAL:
                break
            os.kill(pid, signal.SIGKILL)
            done, within = done + 1, within + caught
            until(lambda: launcher.probe(run).state in FINAL)
            outcome.wrong += [fault.describe() for fault in check_since(before)]
            launcher.resume(run)
        until(lambda: launcher.probe(run).state in FINAL, 600.0)
        outcome.expect(run.status().state == "done", f"it ended as {run.status().state}: {run.status().reason}")
        outcome.expect(done == kills, f"it was done after {done} kills")
        outcome.expect(within >= min(inside, kills), f"only {within} kills fell into a checkpoint")
        (made,) = list_evaluations()
        outcome.expect(made.result["weights_sha256"] == right, "other weights than the undisturbed fine-tuning")
        outcome.expect(not committed(home), "checkpoints were left behind")
        outcome.figures |= {
            "kills": done,
            "inside_a_checkpoint": within,
            "attempts": _attempt(run),
            "steps": made.result["steps"],
        }
    return outcome


def _unit(aside: Path) -> Unit:
    return Unit(variant=Variant(label="original", model=str(aside / "tiny")), task="mrpc", seed=0, recipe=RECIPE)


def _options(aside: Path) -> dict[str, Any]:
    tiny.save_tiny(aside / "tiny")
    glue = gluefolder.write_tasks(aside / "glue", "mrpc")
    return {
        "units": plain_units([_unit(aside)]),
        "glue_dir": str(glue),
        "device": "cpu",
        "threads": 1,
        "save_every": 12,
    }


def _undisturbed(options: dict[str, Any], outcome: Outcome) -> str:
    """Make the evaluation once without a kill, in a cache of its own, and return its weights' digest."""
    kept = os.environ["OBCE_CACHE"]
    with tempfile.TemporaryDirectory(prefix="obce-undisturbed-") as other:
        os.environ["OBCE_CACHE"] = other
        try:
            execute(create_run("evaluate", options)[0])
            (made,) = list_evaluations()
        finally:
            os.environ["OBCE_CACHE"] = kept
    outcome.figures["undisturbed"] = made.result["weights_sha256"][:12]
    return str(made.result["weights_sha256"])


def _attempt(run: Run) -> int:
    told = run.stored()
    return told.attempt if told is not None else 0
