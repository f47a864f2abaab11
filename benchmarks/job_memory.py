"""Claim: what a job is thought to need before it starts is not less than it takes, and not twice as much.

Every kind of job on one model, on the demo and on a BERT Base with random weights: its peak resident memory, as the
    kernel reports
it, beside the estimate in `obce_core/jobs/memory.py`, whose multiples come from here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.memory import GB, peak
from benchmarks.timing import at_most, note
from obce_core.jobs.kinds import kind_of
from obce_core.jobs.memory import LIBRARIES

_SAVE = "import sys; from pathlib import Path; from benchmarks.models import save_bert; save_bert(Path(sys.argv[1]))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("demo", "base"), help="measure on one of the two models")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        if only != "base":
            _model("demo", "demo", home / "demo")
        if only != "demo":
            subprocess.run([sys.executable, "-c", _SAVE, str(home / "model")], check=True, stderr=subprocess.DEVNULL)
            _model("BERT Base", str(home / "model"), home / "base")


def _model(title: str, model: str, home: Path) -> None:
    home.mkdir()
    analysis, plan, cut = str(home / "analysis"), str(home / "plan.json"), str(home / "cut")
    _run(home, "analyze", "--model", model, "--n-texts", "150", "--out", analysis)
    _run(home, "plan", "--analysis", analysis, "--percentile", "50", "--out", plan)
    jobs: tuple[tuple[str, dict[str, Any], list[str]], ...] = (
        ("analyze", {"model": model}, ["analyze", "--model", model, "--n-texts", "150", "--out", str(home / "again")]),
        ("compress", {"analysis": analysis}, ["compress", "--analysis", analysis, "--plan", plan, "--out", cut]),
        ("verify", {"against": model}, ["verify", cut, "--against", model]),
        ("latency", {"against": model}, ["latency", cut, "--against", model]),
        ("export-dense", {"model": cut}, ["export", cut, "--dense", str(home / "dense")]),
        ("export-onnx", {"model": cut}, ["export", cut, "--onnx", str(home / "onnx")]),
    )
    for kind, options, words in jobs:
        used = _run(home, *words)
        estimate = kind_of(kind).memory
        need = estimate(options) if estimate is not None else None
        assert need is not None
        note(
            f"{title}, {kind}",
            f"peak {used / GB:.2f} GB, {(used - LIBRARIES) / GB:.2f} above the libraries; thought {need / GB:.2f} GB",
        )
        at_most(f"{title}, {kind}: taken of what was thought", used / need, 1.0, "")
        at_most(f"{title}, {kind}: thought of what was taken", need / used, 2.0, "")


def _run(home: Path, *words: str) -> float:
    quiet = [] if words[0] == "plan" else ["--quiet"]
    return peak([sys.executable, "-m", "obce_core.cli", *words, *quiet], home / "cache")[0]


if __name__ == "__main__":
    main()
