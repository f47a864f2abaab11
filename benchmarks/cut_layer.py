"""Claim: a layer cut unevenly runs nearly as fast as one with even heads of the same size, and faster than the original.

The demo model, P50 by r_f from layer 3, batch 16, length 128. The even layer has as many heads, all of one width
ceil(max(pairs + extra rows, values) / heads), and the same feed-forward width, in nn.Linear and torch's sdpa: at most
1.25 times its time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from benchmarks.timing import at_most, below, interleaved, note, ratio
from obce_core import analyze, compress, load, make_plan
from obce_core.analysis import Analysis
from obce_core.plan import LayerWidths, Plan, original_widths, plan_widths
from obce_core.plan.budget import layer_flops

BATCH, LENGTH, FIRST = 16, 128, 3


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


def prepare(folder: Path) -> tuple[Analysis, Plan, nn.Module, nn.Module]:
    """Analyse and cut the demo model in `folder`; return the original and the cut one as they are loaded by users."""
    analysis = analyze("demo", "demo", n_texts=150, device="cpu", out=folder / "analysis")
    plan = make_plan(analysis, percentile=50, first_layer=FIRST)
    compress(analysis, plan, folder / "model", device="cpu")
    return analysis, plan, load("demo", device="cpu").model, load(folder / "model", device="cpu").model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=101, help="interleaved rounds a layer")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        analysis, plan, original, cut = prepare(Path(folder))
    shape, widths = analysis.shape, plan_widths(analysis, plan)
    hidden = torch.randn(BATCH, LENGTH, shape.hidden, generator=torch.Generator().manual_seed(0))
    to_even, to_original, to_share = [], [], []
    for layer in range(FIRST, shape.layers + 1):
        row = widths[layer - 1]
        even = EvenLayer(shape.hidden, shape.heads, even_width(row), row.intermediate, shape.head_size**-0.5).eval()
        ours, stock = cut.encoder.layer[layer - 1], original.encoder.layer[layer - 1]
        with torch.inference_mode():
            times = interleaved(
                {
                    "cut": lambda ours=ours: ours(hidden),
                    "even": lambda even=even: even(hidden),
                    "original": lambda stock=stock: stock(hidden),
                    "original again": lambda stock=stock: stock(hidden),
                },
                rounds,
                warm=5,
            )
        share = layer_flops(row, shape, LENGTH) / layer_flops(original_widths(shape), shape, LENGTH)
        to_even.append(ratio(times, "cut", "even"))
        to_original.append(ratio(times, "cut", "original"))
        to_share.append(to_original[-1] / share)
        note(
            f"layer {layer}",
            f"cut {1000 * statistics.median(times['cut']):.1f} ms, even {1000 * statistics.median(times['even']):.1f} ms, "
            f"original {1000 * statistics.median(times['original']):.1f} ms; cut/even {to_even[-1]:.2f}, "
            f"cut/original {to_original[-1]:.2f}, even/original {ratio(times, 'even', 'original'):.2f}, "
            f"original/itself {ratio(times, 'original again', 'original'):.2f}; FLOPs {share:.2f} of the original's; "
            f"rows a head: keys {max(map(sum, zip(row.pairs, row.extra, strict=True)))} at most, values {max(row.values)} "
            f"at most, even {even_width(row)}",
        )
    note("time of the original for each share of its FLOPs", ", ".join(f"{value:.2f}" for value in to_share))
    at_most("cut layer against the even one, the worst layer", max(to_even), 1.25)
    below("cut layer against the original, the worst layer", max(to_original), 1)


if __name__ == "__main__":
    main()
