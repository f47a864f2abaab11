"""Beside other ways to a smaller and faster model: milliseconds of the whole model, its size, and what it still says.

The original; cut by us (P50 by r_f from layer 3; the same with `--round-to 8`, with `--per-head`); whole heads and
equal feed-forward widths by Torch-Pruning, with as many parameters as ours; ONNX in float32 and in int8 of the original
and of ours, as `obce export` writes them. All take turns on the same tokens, without padding, on as many threads. No
target: what is printed is what there is. Nothing is fine-tuned, so the cosines say what a method loses before any
repair.
"""

from __future__ import annotations

import argparse
import tempfile
from importlib.metadata import version
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from benchmarks.cut_layer import FIRST
from benchmarks.models import save_bert
from benchmarks.others import OnnxModel, require, stored_size, whole_heads
from benchmarks.timing import interleaved, median, note, ratio
from obce_core import analyze, compress, load, make_plan
from obce_core.analysis.analysis import Analysis
from obce_core.compression.fidelity import fidelity
from obce_core.export.onnx import FLOAT, INT8, export_onnx
from obce_core.models.batching import encode

WAYS = (
    ("ours", {}),
    ("ours, --round-to 8", {"round_to": 8}),
    ("ours, --per-head", {"per_head": True}),
)
AGAIN = "original again"
NOISE, TRIES = 0.05, 4
"""A point is timed again, so often at most, while the original differs from itself by more than this share."""


class Forms:
    """The same encoder in several forms: by name a model to call, its parameters and its bytes on disk."""

    def __init__(self, analysis: Analysis, model: str | Path, folder: Path, threads: int) -> None:
        self.models: dict[str, nn.Module] = {}
        self.parameters: dict[str, int] = {}
        self.bytes: dict[str, int] = {}
        loaded = load(model, device="cpu")
        self.tokenizer = loaded.tokenizer
        self._add("original", loaded.model, folder)
        for at, (name, hardware) in enumerate(WAYS):
            plan = make_plan(analysis, percentile=50, first_layer=FIRST, **hardware)
            compress(analysis, plan, folder / f"cut-{at}", device="cpu")
            self._add(name, load(folder / f"cut-{at}", device="cpu").model, folder)
        layers = range(FIRST, analysis.shape.layers + 1)
        for multiple in (1, 8):
            pruned, heads, neurons = whole_heads(
                self.models["original"], self.models["ours"], analysis, layers, multiple=multiple
            )
            name = f"Torch-Pruning, {heads} heads, {neurons} neurons"
            self._add(name, pruned, folder)
        for name, where in (("original", model), ("ours", folder / "cut-0")):
            exported = folder / f"{name}-onnx"
            export_onnx(where, exported, int8=True)
            for kind, file in (("float32", FLOAT), ("int8", INT8)):
                form = f"{name}, ONNX {kind}"
                self.models[form], self.parameters[form] = OnnxModel(exported / file, threads), self.parameters[name]
                self.bytes[form] = (exported / file).stat().st_size

    def _add(self, name: str, model: nn.Module, folder: Path) -> None:
        """Take a torch model in; its bytes are those of its stored tensors as safetensors."""
        path = folder / "size.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, path)
        self.models[name], self.parameters[name], self.bytes[name] = model, stored_size(model), path.stat().st_size
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("demo", "base"), default="demo", help="base: BERT Base with random weights")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 32], help="texts of a batch")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128], help="tokens of a text")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds of each batch and length")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch and of onnxruntime")
    chosen = parser.parse_args()
    require()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = save_bert(folder / "base") if chosen.model == "base" else chosen.model
        analysis = analyze(model, "demo", n_texts=150, device="cpu", out=folder / "analysis")
        held_out = analysis.texts.heldout
        forms = Forms(analysis, model, folder, chosen.threads)
    original = forms.models["original"]
    note("Torch-Pruning", f"{version('torch-pruning')}; parameters {_beside_ours(forms)}")
    note("int8", "its speed depends on the CPU's int8 instructions; what is no matrix product stays float32")
    note(
        "ONNX, parameters", "those of the model it was made of; as a file ours is padded to the widest head, as it runs"
    )
    closeness = dict.fromkeys(forms.models, "–")
    if chosen.model == "base":
        note("cosines", "left out: of random weights they say nothing; which neurons go is chance, how many is not")
    else:
        encoded = encode(forms.tokenizer, held_out)
        for form, smaller in forms.models.items():
            close = fidelity(original, smaller, encoded)
            closeness[form] = f"{close.cls:.3f} / {close.pooled:.3f}"
        note(
            "cosines",
            f"to the original's last hidden state, mean over {len(held_out)} held-out sentences, before any "
            "fine-tuning",
        )
    cells: dict[str, list[str]] = {form: [] for form in (*forms.models, AGAIN)}
    points = list(product(chosen.batches, chosen.lengths))
    for batch, length in points:
        ids = torch.randint(
            1000, original.config.vocab_size, (batch, length), generator=torch.Generator().manual_seed(0)
        )
        mask = torch.ones_like(ids)
        calls = {
            form: lambda called=called, ids=ids, mask=mask: called(input_ids=ids, attention_mask=mask)
            for form, called in {**forms.models, AGAIN: original}.items()
        }
        for _ in range(TRIES):
            with torch.inference_mode():
                times = interleaved(calls, chosen.rounds, lead=1)
            found = ", ".join(f"{form} {ratio(times, form, 'original'):.2f}" for form in calls)
            note(f"batch {batch}, length {length}", f"{1000 * median(times, 'original'):.1f} ms; {found}")
            if abs(ratio(times, AGAIN, "original") - 1) <= NOISE:
                break
        for form in calls:
            cells[form].append(f"{1000 * median(times, form):.1f} ms, {ratio(times, form, 'original'):.2f}")
    print("\nMedian of a call and its ratio to the original's, by texts x tokens:\n")
    print(
        "| form | parameters | MB | cosine [CLS] / mean-pooled | "
        f"{' | '.join(f'{batch} x {length}' for batch, length in points)} |"
    )
    print("|---|" + "---|" * (3 + len(points)))
    for form, row in cells.items():
        facts = (
            ("", "", "")
            if form == AGAIN
            else (f"{forms.parameters[form]:,}", f"{forms.bytes[form] / 1e6:.1f}", closeness[form])
        )
        print(f"| {form} | {' | '.join((*facts, *row))} |")


def _beside_ours(forms: Forms) -> str:
    """Say by how much each pruned model has more parameters than ours."""
    ours = forms.parameters["ours"]
    return ", ".join(
        f"{size:,} (ours {size - ours:+,})" for name, size in forms.parameters.items() if name.startswith("Torch")
    )


if __name__ == "__main__":
    main()
