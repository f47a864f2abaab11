"""C12 on a real cluster: a Ray node is killed under its job; every result is there, none twice."""

from __future__ import annotations

import time

from benchmarks.arena import Job, Outcome, answer, arena, until, worker_pid
from benchmarks.clusters import Cluster
from obce_core.checkpoints import committed
from obce_core.jobs import FINAL, list_runs
from obce_core.jobs.ray import RayLauncher

_REGISTERED = 60.0
"""Seconds after its start in which a cluster may not yet take jobs."""


def node_lost(job: Job, jobs: int = 3, nodes: int = 2) -> Outcome:
    """Send jobs to a cluster of several nodes, kill the node of the first one after a checkpoint, and wait for all results."""
    with Cluster(nodes) as cluster, arena("C12", f"a Ray node of {nodes} lost, {jobs} jobs", **cluster.environment) as outcome:
        right = answer(job, outcome)
        launcher = RayLauncher(cluster.address)
        runs = [launcher.submit(job.kind, job.options, f"tormented-{at}") for at in range(jobs)]
        again = [launcher.submit(job.kind, job.options, f"tormented-{at}") for at in range(jobs)]
        outcome.expect(runs == again and len(list_runs()) == jobs + 1, "a double submit made another run")
        first = runs[0]
        until(lambda: launcher.probe(first).state in {"running", *FINAL} and committed(first.folder / "checkpoints"), _REGISTERED, 0.1)
        begun = time.monotonic()
        cluster.kill(cluster.node_of(worker_pid(first)))
        until(lambda: launcher.probe(first).attempt > 1, 90, 0.2)
        outcome.figures["noticed_and_sent_again_after_s"] = round(time.monotonic() - begun, 1)
        for run in runs:
            until(lambda run=run: launcher.probe(run).state in FINAL, 180, 0.2)
        for run in runs:
            result = run.result() or {}
            outcome.expect(run.status().state == "done", f"run {run.id}: {run.status()}")
            outcome.expect(result.get("weights_sha256") == right, f"run {run.id}: other weights than the undisturbed run")
        resumed = (first.result() or {}).get("resumed_from", 0)
        outcome.expect(resumed > 0, "the lost job began from nothing")
        outcome.figures |= {"results": len(runs), "attempts": [run.status().attempt for run in runs], "resumed_from_step": resumed}
    return outcome
