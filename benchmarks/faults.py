"""Do the fault injections for real and publish how they went: `make faults`.

Each scenario works in an empty cache and is followed by `obce fsck`. Exit code 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import fault_injection, fault_injection_app, fault_injection_finetune, fault_injection_units
from benchmarks.arena import Job, Outcome
from obce_core.storage.atomic import read_json, write_json
from obce_core.version import __version__

RESULTS = Path(__file__).resolve().parent / "results" / "faults.json"


def scenarios(job: Job) -> dict[str, Callable[[], Outcome]]:
    """Return every scenario at its full size."""
    return {
        "app": lambda: fault_injection.app_killed(job),
        "server": fault_injection_app.server_killed,
        "start": lambda: fault_injection.double_start(job),
        "reload": fault_injection_app.reloaded_after_start,
        "kill": lambda: fault_injection.worker_killed(job),
        "finetune": fault_injection_finetune.finetuning_killed,
        "damage": lambda: fault_injection.checkpoint_damaged(job),
        "memory": lambda: fault_injection.memory_short(job),
        "term": lambda: fault_injection.terminated(job),
        "sleep": lambda: fault_injection.slept(job),
        "server sleep": fault_injection_app.server_slept,
        "units": fault_injection_units.same_units,
        "evaluations": fault_injection_units.same_evaluations,
        "no locks": lambda: fault_injection_units.same_evaluations(locks=False),
        "stale": lambda: fault_injection.stale_attempt(job),
        "node": lambda: _on_a_cluster("node_lost", job),
        "sweep": lambda: _on_a_cluster("sweep_shared"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of scenarios; the results of the others stay")
    parser.add_argument("--kind", default="drill", help="kind of job to disturb")
    parser.add_argument("--options", type=json.loads, help="its options as JSON")
    given = parser.parse_args()
    job = Job() if given.options is None else Job(given.kind, given.options)
    every = scenarios(job)
    machine = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    told = read_json(RESULTS) if RESULTS.is_file() else {}
    rows = {row["scenario"]: row for row in told.get("scenarios", []) if row.get("scenario") in every}
    wrong = False
    for name in given.only or every:
        outcome = every[name]()
        print(
            f"{outcome.name:<4} {outcome.what:<58} {'passed' if not outcome.wrong else 'FAILED'}  {outcome.figures}",
            flush=True,
        )
        for line in outcome.wrong:
            print(f"       {line}", flush=True)
        wrong = wrong or bool(outcome.wrong)
        rows[name] = {
            "scenario": name,
            "fault": outcome.name,
            "what": outcome.what,
            "passed": not outcome.wrong,
            "figures": outcome.figures,
            "wrong": outcome.wrong,
            "day": time.strftime("%Y-%m-%d"),
            "job": job.kind,
        }
        write_json(
            RESULTS,
            {"obce": __version__, "machine": machine, "scenarios": [rows[name] for name in every if name in rows]},
        )
    return int(wrong)


def _on_a_cluster(name: str, *given: Job) -> Outcome:
    if importlib.util.find_spec("ray") is None:
        return Outcome("C12", name, wrong=["Ray is not installed: pip install 'obce[ray]'"])
    from benchmarks import fault_injection_ray

    outcome: Outcome = getattr(fault_injection_ray, name)(*given)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
