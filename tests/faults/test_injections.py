"""One short case of each fault injection; `make faults` does them at full size."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import fault_injection, fault_injection_units
from benchmarks.arena import Job, Outcome, answer, arena, finish
from obce_core.cache.fsck import check
from obce_core.jobs import list_runs
from obce_core.storage.atomic import write_json

SHORT = Job(options={"steps": 60, "seconds": 0.02, "every": 10, "pause": 0.02})
CASES: dict[str, Callable[[], Outcome]] = {
    "app killed": lambda: fault_injection.app_killed(SHORT, 2),
    "double start": lambda: fault_injection.double_start(SHORT, 3),
    "worker killed": lambda: fault_injection.worker_killed(SHORT, 3, 2),
    "checkpoint damaged": lambda: fault_injection.checkpoint_damaged(SHORT, 1),
    "memory short": lambda: fault_injection.memory_short(SHORT),
    "terminated": lambda: fault_injection.terminated(SHORT, (3.0, 0.0)),
    "slept": lambda: fault_injection.slept(SHORT, 2.0),
    "same units": lambda: fault_injection_units.same_units(40, 4, 2),
    "no locks": lambda: fault_injection_units.same_evaluations(4, 3, 1, locks=False),
    "stale attempt": lambda: fault_injection.stale_attempt(SHORT),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost(name: str) -> None:
    outcome = CASES[name]()
    assert outcome.wrong == []
    assert outcome.figures["seconds"] > 0


def test_a_ray_node_is_lost_and_every_result_is_there() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'obce[ray]'")
    # In a process of its own: Ray reads how it authenticates once, when it is imported, and another test may have
    # imported it.
    script = (
        "import json\nfrom benchmarks.arena import Job\nfrom benchmarks.fault_injection_ray import node_lost\n"
        f"outcome = node_lost(Job(options={dict(SHORT.options)!r}).with_options(steps=100), 2)\n"
        "print(json.dumps([outcome.wrong, outcome.figures['results']]))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [[], 2]


def test_an_arena_tells_of_what_it_finds(tmp_path: Path) -> None:
    """The harness itself must be able to fail."""
    with arena("X", "a planted fault") as outcome:
        answer(SHORT.with_options(steps=5, seconds=0.0), outcome)
        (run,) = list_runs()
        write_json(run.folder / "result.json", {"weights_sha256": "0" * 64})
        finish(run, "1" * 64, outcome)
        (run.folder / "spec.json").unlink()
        assert not check().sound
    assert any("other weights" in line for line in outcome.wrong)
    assert any(line.startswith("N1") for line in outcome.wrong)
