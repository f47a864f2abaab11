"""Claim: `import obce_core` is light: under half a second, and without torch, transformers, pandas or scipy."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks.timing import below, note

ROUNDS = 9
HEAVY = ("torch", "transformers", "pandas", "scipy", "streamlit", "pyarrow", "sklearn")
IMPORT = (
    "import json, sys, time; start = time.perf_counter(); import obce_core; "
    "print(json.dumps([time.perf_counter() - start, sorted(sys.modules)]))"
)


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def main() -> None:
    first, modules = json.loads(run(IMPORT))
    taken = [json.loads(run(IMPORT))[0] for _ in range(ROUNDS)]
    loaded = [name for name in HEAVY if name in modules]
    note("first import (files may be cold)", f"{first:.3f} s")
    note("heavy modules that came along", ", ".join(loaded) or "none")
    below("import obce_core, median of fresh interpreters", statistics.median(taken), 0.5, " s")


if __name__ == "__main__":
    main()
