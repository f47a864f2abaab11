"""Claim: collecting every neuron's outputs costs little more than the bare forward pass.

150 texts on a BERT Base with random weights. `collect` (activations to disk, all-token mean and std in the same pass)
against the fastest hand-made batching of the bare model; std against two passes in float64; one text at a time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from benchmarks.models import save_bert, sentences
from benchmarks.timing import at_least, at_most, interleaved, median, note, ratio, seconds
from obce_core.analysis.collect import collect, tensor_name
from obce_core.models.batching import Encoded, batches, encode, padded
from obce_core.models.load import LoadedModel, load_model

TEXTS, PAIRS = 150, 9
SIZES = (16, 24, 32, 48)
FACTORS = (0, 4, 30, 300, 1200, 4000)
"""|mean| of a neuron in stds of its outputs, about, in the hard case."""

Pass = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Ids and mask of every batch, each of shape (texts of the batch, tokens)."""


def batched(encoded: Encoded, size: int) -> Pass:
    """Pad in batches as `collect` divides them, before the clock runs."""
    return [(batch.ids, batch.mask) for batch in batches(encoded, size)]


def in_equal_parts(encoded: Encoded, size: int) -> Pass:
    """Pad batches of `size` texts each, sorted by length, wherever their lengths fall."""
    order = np.argsort(-encoded.lengths, kind="stable")
    parts = (padded(encoded, order[start : start + size]) for start in range(0, len(order), size))
    return [(batch.ids, batch.mask) for batch in parts]


def bare(loaded: LoadedModel, work: Pass) -> None:
    """Run the model and keep nothing."""
    with torch.inference_mode():
        for ids, mask in work:
            loaded.base(input_ids=ids, attention_mask=mask)


def flops(loaded: LoadedModel, lengths: np.ndarray) -> float:
    """Count the matrix products of the layers over real tokens: linear maps, scores and mixing."""
    shape = loaded.report.shape
    maps = 4 * shape.hidden**2 + 2 * shape.hidden * shape.intermediate
    return float(shape.layers * (2 * maps * lengths.sum() + 4 * shape.hidden * (lengths**2).sum()))


def product_rate(loaded: LoadedModel, rows: int) -> float:
    """Measure the FLOPs a second of the model's own largest product on `rows` tokens, the best of a few."""
    shape = loaded.report.shape
    tokens, weight = torch.randn(rows, shape.hidden), torch.randn(shape.intermediate, shape.hidden)
    with torch.inference_mode():
        best = min(seconds(lambda: torch.nn.functional.linear(tokens, weight)) for _ in range(15))
    return 2 * rows * shape.hidden * shape.intermediate / best


def worst_std(loaded: LoadedModel, encoded: Encoded, folder: Path) -> tuple[float, float, int]:
    """Return the largest relative error of std, the largest where |mean| >= 1,000 std, and how many those are."""
    path = folder / "every-token.safetensors"
    collected = collect(loaded, encoded, path, tokens="all")
    errors, dominated = [], []
    with safe_open(str(path), framework="numpy") as file:
        for cell, moments in collected.moments.items():
            values = file.get_tensor(tensor_name(*cell)).astype(np.float64)  # (tokens, neurons)
            mean = values.mean(axis=0)
            std = np.sqrt(((values - mean) ** 2).mean(axis=0))
            errors.append(np.abs(moments.std_all - std) / np.where(std > 0, std, 1))  # a constant's error is absolute
            dominated.append(np.abs(mean) >= 1000 * std)
    path.unlink()
    error, hard = np.concatenate(errors), np.concatenate(dominated)
    return float(error.max()), float(error[hard].max(initial=0.0)), int(hard.sum())


def move_means(loaded: LoadedModel, encoded: Encoded, folder: Path) -> None:
    """Move the means of keys, values and intermediate neurons by multiples of their std; the rest hardly notices.

    A key's constant is not seen by the softmax; that of a value or an intermediate neuron is taken off the next bias.
    """
    moments = collect(loaded, encoded, folder / "before.safetensors").moments
    (folder / "before.safetensors").unlink()
    following = {"key": None, "value": "attention_output", "intermediate": "output"}
    for layer in range(1, loaded.report.shape.layers + 1):
        for component, after in following.items():
            std = moments[layer, component].std_all
            moved = torch.from_numpy(np.resize(FACTORS, std.shape) * std).float()
            with torch.no_grad():
                linear(loaded, layer, component).bias += moved
                if after is not None:
                    linear(loaded, layer, after).bias -= linear(loaded, layer, after).weight @ moved


def linear(loaded: LoadedModel, layer: int, component: str) -> torch.nn.Linear:
    """Return a component's linear map."""
    return loaded.base.get_submodule(loaded.report.family.linear(layer, component))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="interleaved rounds")
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loaded = load_model(save_bert(folder / "base"), device="cpu")
        encoded = encode(loaded.tokenizer, sentences(TEXTS))
        lengths = encoded.lengths
        note("texts", f"{TEXTS}, {int(lengths.sum()):,} tokens, {lengths.min()}–{lengths.max()} a text")

        ready = {size: batched(encoded, size) for size in SIZES}
        tried = interleaved({str(size): lambda size=size: bare(loaded, ready[size]) for size in SIZES}, 3)
        best = min(SIZES, key=lambda size: median(tried, str(size)))
        note("bare pass by batch size", ", ".join(f"{size}: {median(tried, str(size)):.2f} s" for size in SIZES))
        work, number = ready[best], count()
        equal = {f"equal {size}": in_equal_parts(encoded, size) for size in SIZES}
        divided = interleaved(
            {name: lambda work=work: bare(loaded, work) for name, work in {"divided": work, **equal}.items()}, 3
        )
        note(
            f"bare pass in equal batches, sorted by length, against ours of at most {best}",
            ", ".join(f"{name}: {ratio(divided, name, 'divided'):.3f}" for name in equal),
        )
        times = interleaved(
            {
                "bare": lambda: bare(loaded, work),
                "collect": lambda: collect(loaded, encoded, folder / f"{next(number)}.safetensors", batch_size=best),
                "bare again": lambda: bare(loaded, work),
            },
            pairs,
        )
        note(
            "bare pass / collect, medians",
            f"{median(times, 'bare'):.2f} / {median(times, 'collect'):.2f} s, batches of {best}",
        )
        note("bare against bare", f"{ratio(times, 'bare again', 'bare'):.3f}")
        at_most(f"collect against the best bare pass, medians of {pairs}", ratio(times, "collect", "bare"), 1.15)
        paired = statistics.median(c / b for c, b in zip(times["collect"], times["bare"], strict=True))
        note("median of the ratios of pairs", f"{paired:.3f}")
        rate = product_rate(loaded, best * int(np.median(lengths)))
        limit = flops(loaded, lengths) / rate
        note(
            "share of the machine's matrix-product limit",
            f"collect {limit / median(times, 'collect'):.0%}, bare {limit / median(times, 'bare'):.0%} "
            f"(limit {limit:.2f} s at {rate / 1e9:.0f} GFLOP/s)",
        )
        default = interleaved(
            {
                "bare": lambda: bare(loaded, work),
                "default": lambda: collect(loaded, encoded, folder / f"{next(number)}.safetensors"),
            },
            3,
        )
        note("collect at the default batch size against the best bare pass", f"{ratio(default, 'default', 'bare'):.3f}")
        one_by_one = batched(encoded, 1)
        single = interleaved(
            {
                "one by one": lambda: bare(loaded, one_by_one),
                "collect": lambda: collect(loaded, encoded, folder / f"{next(number)}.safetensors", batch_size=best),
            },
            3,
            warm=0,
        )
        at_least("times faster than one text at a time (bare)", ratio(single, "one by one", "collect"), 1.5)
        for path in folder.glob("*.safetensors"):
            path.unlink()

        error, _, _ = worst_std(loaded, encoded, folder)
        at_most("std against two passes in float64, largest relative error", error, 1e-4)
        move_means(loaded, encoded, folder)
        error, hard, neurons = worst_std(loaded, encoded, folder)
        at_most("the same with biases moved by up to 4,000 std", error, 1e-4)
        at_most(f"of these, the {neurons:,} neurons whose |mean| is 1,000 std or more", hard, 1e-4)


if __name__ == "__main__":
    main()
