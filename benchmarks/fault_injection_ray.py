"""C12 on a real cluster: a Ray node is killed under its job; every result is there, none twice."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.arena import Job, Outcome, answer, arena, until, worker_pid
from benchmarks.clusters import Cluster
from obce_core.glue.evaluation import list_evaluations
from obce_core.glue.job import job_options, read_curve
from obce_core.glue.recipe import Recipe
from obce_core.glue.unit import Unit, Variant
from obce_core.jobs import FINAL, create_run, list_runs
from obce_core.jobs.launchers.ray import RayLauncher
from obce_core.jobs.worker import execute
from obce_core.storage.checkpoints import committed
from tests import gluefolder, tiny

_REGISTERED = 60.0
"""Seconds after its start in which a cluster may not yet take jobs."""


def node_lost(job: Job, jobs: int = 3, nodes: int = 2) -> Outcome:
    """Send jobs to a cluster of several nodes, kill the node of the first one after a checkpoint, and wait for all
    results."""
    with (
        Cluster(nodes) as cluster,
        arena("C12", f"a Ray node of {nodes} lost, {jobs} jobs", **cluster.environment) as outcome,
    ):
        right = answer(job, outcome)
        launcher = RayLauncher(cluster.address)
        runs = [launcher.submit(job.kind, job.options, f"injected-{at}") for at in range(jobs)]
        again = [launcher.submit(job.kind, job.options, f"injected-{at}") for at in range(jobs)]
        outcome.expect(runs == again and len(list_runs()) == jobs + 1, "a double submit made another run")
        first = runs[0]
        until(
            lambda: launcher.probe(first).state in {"running", *FINAL} and committed(first.folder / "checkpoints"),
            _REGISTERED,
            0.1,
        )
        begun = time.monotonic()
        cluster.kill(cluster.node_of(worker_pid(first)))
        until(lambda: launcher.probe(first).attempt > 1, 90, 0.2)
        outcome.figures["noticed_and_sent_again_after_s"] = round(time.monotonic() - begun, 1)
        for run in runs:
            until(lambda run=run: launcher.probe(run).state in FINAL, 180, 0.2)
        for run in runs:
            result = run.result() or {}
            outcome.expect(run.status().state == "done", f"run {run.id}: {run.status()}")
            outcome.expect(
                result.get("weights_sha256") == right, f"run {run.id}: other weights than the undisturbed run"
            )
        resumed = (first.result() or {}).get("resumed_from", 0)
        outcome.expect(resumed > 0, "the lost job began from nothing")
        outcome.figures |= {
            "results": len(runs),
            "attempts": [run.status().attempt for run in runs],
            "resumed_from_step": resumed,
        }
    return outcome


def sweep_shared(evaluations: int = 12, jobs: int = 2) -> Outcome:
    """C12 on a sweep: jobs on two nodes share its evaluations, one node is killed while it makes one; all are there,
    none twice."""
    with (
        Cluster(jobs) as cluster,
        tempfile.TemporaryDirectory(prefix="obce-sweep-") as aside,
        arena(
            "C12", f"{evaluations} evaluations shared by {jobs} Ray nodes, one lost", **cluster.environment
        ) as outcome,
    ):
        tiny.save_tiny(Path(aside) / "tiny")
        glue = gluefolder.write_tasks(Path(aside) / "glue", "mrpc")
        variant = Variant(label="original", model=str(Path(aside) / "tiny"))
        recipe = Recipe(epochs=30, batch_size=8, max_length=24)
        units = [Unit(variant=variant, task="mrpc", seed=seed, recipe=recipe) for seed in range(evaluations)]
        options = job_options(units, glue_dir=str(glue), device="cpu", threads=1, save_every=10)
        right = _undisturbed(options, Path(aside) / "undisturbed")
        launcher = RayLauncher(cluster.address)
        runs = [launcher.submit("evaluate", options) for _ in range(jobs)]
        first = runs[0]
        until(
            lambda: all(launcher.probe(run).state == "running" and read_curve(run.folder) for run in runs),
            2 * _REGISTERED,
            0.1,
        )
        begun = time.monotonic()
        cluster.kill(cluster.node_of(worker_pid(first)))
        until(lambda: launcher.probe(first).attempt > 1 or launcher.probe(runs[1]).state in FINAL, 120, 0.2)
        outcome.figures["noticed_after_s"] = round(time.monotonic() - begun, 1)
        for run in runs:
            until(lambda run=run: launcher.probe(run).state in FINAL, 300, 0.2)
            outcome.expect(run.status().state == "done", f"run {run.id}: {run.status()}")
        outcome.expect(_weights() == right, "other evaluations than one undisturbed process makes")
        last = units[0].recipe.steps_over(48)
        ended = [
            {row["seed"] for row in read_curve(run.folder) if "validation_f1" in row and row["step"] == last}
            for run in runs
        ]
        twice = set.intersection(*ended)
        outcome.expect(not twice, f"made twice: seeds {sorted(twice)}")
        outcome.figures |= {"evaluations": len(right), "by_job": [len(seeds) for seeds in ended]}
    return outcome


def _undisturbed(options: dict[str, object], cache: Path) -> dict[int, str]:
    kept = os.environ["OBCE_CACHE"]
    os.environ["OBCE_CACHE"] = str(cache)
    try:
        execute(create_run("evaluate", options)[0])
        return _weights()
    finally:
        os.environ["OBCE_CACHE"] = kept


def _weights() -> dict[int, str]:
    return {one.seed: str(one.result["weights_sha256"]) for one in list_evaluations()}
