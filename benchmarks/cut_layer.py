"""Claim: a layer cut unevenly runs nearly as fast as one with even heads of the same size, and faster than the
original.

P50 by r_f from layer 3: the demo model, or a BERT Base with random weights. The even layer has as many heads, all of
    one
width ceil(max(pairs + extra rows, values) / heads), and the same feed-forward width, in nn.Linear and torch's sdpa: at
most 1.25 times its time (1.4 with one text, where the calls themselves weigh more).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from itertools import product
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from benchmarks.models import save_bert
from benchmarks.timing import at_most, below, interleaved, note, ratio
from obce_core import analyze, compress, load, make_plan
from obce_core.analysis.analysis import Analysis
from obce_core.plan import LayerWidths, Plan, original_widths, plan_widths
from obce_core.plan.size import layer_flops

FIRST = 3


class EvenLayer(nn.Module):
    """A BERT layer whose heads all have one width, written out."""

    def __init__(self, hidden: int, heads: int, width: int, intermediate: int, scale: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.query, self.key, self.value = (nn.Linear(hidden, heads * width) for _ in range(3))
        self.attention_output, self.attention_norm = nn.Linear(heads * width, hidden), nn.LayerNorm(hidden)
        self.intermediate, self.output = nn.Linear(hidden, intermediate), nn.Linear(intermediate, hidden)
        self.output_norm = nn.LayerNorm(hidden)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        maps = (self.query, self.key, self.value)
        query, key, value = (linear(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2) for linear in maps)
        context = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        context = context.transpose(1, 2).flatten(2)  # (batch, tokens, heads * width)
        hidden = self.attention_norm(self.attention_output(context) + hidden)
        return self.output_norm(self.output(functional.gelu(self.intermediate(hidden))) + hidden)


def even_width(widths: LayerWidths) -> int:
    """Return the head width of the even layer that holds as many rows."""
    keys = sum(widths.pairs) + sum(widths.extra)
    return -(-max(keys, sum(widths.values)) // len(widths.pairs))


def prepare(model: str | Path, folder: Path) -> tuple[Analysis, Plan, nn.Module, nn.Module]:
    """Analyse and cut a model in `folder`; return the original and the cut one as they are loaded by users."""
    analysis = analyze(model, "demo", n_texts=150, device="cpu", out=folder / "analysis")
    plan = make_plan(analysis, percentile=50, first_layer=FIRST)
    compress(analysis, plan, folder / "model", device="cpu")
    return analysis, plan, load(model, device="cpu").model, load(folder / "model", device="cpu").model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("demo", "base"), default="demo", help="base: BERT Base with random weights")
    parser.add_argument("--layers", type=int, nargs="+", help="layers to time; default: every cut one")
    parser.add_argument("--batches", type=int, nargs="+", default=[16], help="texts of a batch")
    parser.add_argument("--lengths", type=int, nargs="+", default=[128], help="tokens of a text")
    parser.add_argument("--rounds", type=int, default=101, help="interleaved rounds a layer")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = save_bert(Path(folder) / "base") if chosen.model == "base" else chosen.model
        analysis, plan, original, cut = prepare(model, Path(folder))
    shape, widths = analysis.shape, plan_widths(analysis, plan)
    layers = chosen.layers or range(FIRST, shape.layers + 1)
    for batch, length in product(chosen.batches, chosen.lengths):
        hidden = torch.randn(batch, length, shape.hidden, generator=torch.Generator().manual_seed(0))
        to_even, to_original = [], []
        for layer in layers:
            row = widths[layer - 1]
            even = EvenLayer(shape.hidden, shape.heads, even_width(row), row.intermediate, shape.head_size**-0.5).eval()
            ours, stock = cut.encoder.layer[layer - 1], original.encoder.layer[layer - 1]
            with torch.inference_mode():
                times = interleaved(
                    {
                        "cut": lambda ours=ours, hidden=hidden: ours(hidden),
                        "even": lambda even=even, hidden=hidden: even(hidden),
                        "original": lambda stock=stock, hidden=hidden: stock(hidden),
                        "original again": lambda stock=stock, hidden=hidden: stock(hidden),
                    },
                    chosen.rounds,
                    warm=5,
                )
            share = layer_flops(row, shape, length) / layer_flops(original_widths(shape), shape, length)
            to_even.append(ratio(times, "cut", "even"))
            to_original.append(ratio(times, "cut", "original"))
            note(
                f"batch {batch}, length {length}, layer {layer}",
                f"cut {1000 * statistics.median(times['cut']):.1f} ms; cut/even {to_even[-1]:.2f}, cut/original "
                f"{to_original[-1]:.2f}, even/original {ratio(times, 'even', 'original'):.2f}, original/itself "
                f"{ratio(times, 'original again', 'original'):.2f}; FLOPs {share:.2f} of the original's; rows a head: "
                "keys at "
                f"most {max(map(sum, zip(row.pairs, row.extra, strict=True)))}, values at most {max(row.values)}, "
                f"even {even_width(row)}",
            )
        what = f"batch {batch}, length {length}, the worst layer"
        at_most(f"cut layer against the even one, {what}", max(to_even), 1.4 if batch == 1 else 1.25)
        below(f"cut layer against the original, {what}", max(to_original), 1)


if __name__ == "__main__":
    main()
