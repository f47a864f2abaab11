"""Claim: a cut model needs less memory than its original, from loading to the last layer.

BERT Base with random weights, P50 by r_f from layer 3; 16 texts of 128 tokens. Each model is loaded and run by a
process of its own, whose peak resident memory the kernel reports; the same process without a model is printed beside.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.memory import GB, peak
from benchmarks.timing import below, note

_RUN = """
import sys
import torch
from obce_core import load
if len(sys.argv) > 1:
    model = load(sys.argv[1], device="cpu").model
    with torch.inference_mode():
        model(input_ids=torch.ones(16, 128, dtype=torch.long))
else:
    import obce_core.compression.checkpoint
"""
_CUT = """
import sys
from pathlib import Path
from benchmarks.models import save_bert
from obce_core import analyze, compress, make_plan
home = Path(sys.argv[1])
analysis = analyze(save_bert(home / "base"), "demo", n_texts=150, device="cpu", out=home / "analysis")
compress(analysis, make_plan(analysis, percentile=50, first_layer=3), home / "cut", device="cpu")
"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peak([sys.executable, "-c", _CUT, name], folder / "cache")
        bare, _ = peak([sys.executable, "-c", _RUN], folder / "cache")
        used = {
            model: peak([sys.executable, "-c", _RUN, str(folder / model)], folder / "cache")[0]
            for model in ("base", "cut")
        }
        for model, size in used.items():
            stored = (folder / model / "model.safetensors").stat().st_size
            note(
                model,
                f"peak {size / GB:.2f} GB, {(size - bare) / GB:.2f} GB beyond the imports, file {stored / GB:.2f} GB",
            )
        below("peak of the cut model against the original's", used["cut"] / used["base"], 1)
        note("beyond the imports", f"{(used['cut'] - bare) / (used['base'] - bare):.3f} of the original's")


if __name__ == "__main__":
    main()
