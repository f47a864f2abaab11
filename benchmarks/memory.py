"""Claim: `obce analyze` on BERT Large needs the model and 1 GB of memory at most, however many texts there are.

The peak resident memory of the whole command, as the kernel reports it when the command ends, against the size of the
float32 weights file. This process stays small (no torch): a child's peak is never below its parent's at the start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.models import LARGE, many_texts
from benchmarks.timing import at_most, note

GB = 1e9
_SAVE = (
    "import sys; from pathlib import Path; from benchmarks import models; models.save_bert(Path(sys.argv[1]), "
    "**models.LARGE)"
)
_ROOT = Path(__file__).resolve().parent.parent


def peak(arguments: list[str], cache: Path) -> tuple[float, float]:
    """Run a command; return its peak resident memory in bytes and its seconds."""
    environment = os.environ | {"OBCE_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    start = time.perf_counter()
    with subprocess.Popen(arguments, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments[:4])} failed with exit code {process.returncode}.")
    scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB elsewhere
    return usage.ru_maxrss * scale, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, nargs="+", default=[150, 3000], help="numbers of texts to measure")
    parser.add_argument("--max-length", type=int, default=128, help="tokens of the longest texts; most are shorter")
    parser.add_argument("--batch-size", type=int, default=32)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [sys.executable, "-c", _SAVE, str(folder / "large")], cwd=_ROOT, check=True, stderr=subprocess.DEVNULL
        )
        weights = (folder / "large" / "model.safetensors").stat().st_size
        note("model", f"BERT Large, {LARGE['num_hidden_layers']} layers, weights file {weights / GB:.2f} GB")
        peaks = []
        for texts in chosen.texts:
            path = folder / f"{texts}.txt"
            path.write_text("\n".join(many_texts(texts)) + "\n", encoding="utf-8")
            command = [
                "-m",
                "obce_core.cli",
                "analyze",
                "--model",
                str(folder / "large"),
                "--texts",
                str(path),
                "--quiet",
            ]
            limits = [
                "--n-texts",
                str(texts),
                "--max-length",
                str(chosen.max_length),
                "--batch-size",
                str(chosen.batch_size),
            ]
            used, seconds = peak([sys.executable, *command, *limits, "--device", "cpu"], folder / "cache")
            peaks.append(used)
            note(f"{texts:,} texts", f"peak {used / GB:.2f} GB in {seconds:.0f} s")
            at_most(f"memory beyond the model, {texts:,} texts", (used - weights) / GB, 1, " GB")
        if len(peaks) > 1:
            note("peak of the last against the first", f"{peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
