"""Do the fault injections for real and publish how they went: `make faults`.

Each scenario works in an empty cache and is followed by `obce fsck`. Exit code 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import torment, torment_app
from benchmarks.arena import Job, Outcome
from obce_core.store import write_json
from obce_core.version import __version__

RESULTS = Path(__file__).resolve().parent / "results" / "faults.json"


def scenarios(job: Job) -> dict[str, Callable[[], Outcome]]:
    """Return every scenario at its full size."""
    return {
        "app": lambda: torment.app_killed(job),
        "server": torment_app.server_killed,
        "start": lambda: torment.double_start(job),
        "reload": torment_app.reloaded_after_start,
        "kill": lambda: torment.worker_killed(job),
        "damage": lambda: torment.checkpoint_damaged(job),
        "memory": lambda: torment.memory_short(job),
        "term": lambda: torment.terminated(job),
        "sleep": lambda: torment.slept(job),
        "units": torment.same_units,
        "stale": lambda: torment.stale_attempt(job),
        "node": lambda: _node_lost(job),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="names of scenarios")
    parser.add_argument("--kind", default="drill", help="kind of job to torment")
    parser.add_argument("--options", type=json.loads, help="its options as JSON")
    given = parser.parse_args()
    job = Job() if given.options is None else Job(given.kind, given.options)
    every = scenarios(job)
    outcomes = []
    for name in given.only or every:
        outcome = every[name]()
        outcomes.append(outcome)
        print(f"{outcome.name:<4} {outcome.what:<58} {'passed' if not outcome.wrong else 'FAILED'}  {outcome.figures}", flush=True)
        for line in outcome.wrong:
            print(f"       {line}", flush=True)
    if not given.only:
        rows = [{"fault": o.name, "what": o.what, "passed": not o.wrong, "figures": o.figures, "wrong": o.wrong} for o in outcomes]
        machine = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
        told = {"obce": __version__, "machine": machine, "job": {"kind": job.kind, "options": dict(job.options)}, "scenarios": rows}
        RESULTS.parent.mkdir(exist_ok=True)
        write_json(RESULTS, told)
        print(f"written to {RESULTS}")
    return int(any(outcome.wrong for outcome in outcomes))


def _node_lost(job: Job) -> Outcome:
    if importlib.util.find_spec("ray") is None:
        return Outcome("C12", "a Ray node lost", wrong=["Ray is not installed: pip install 'obce[ray]'"])
    from benchmarks.torment_ray import node_lost

    return node_lost(job)


if __name__ == "__main__":
    sys.exit(main())
