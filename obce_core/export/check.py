"""Compare an ONNX file with its torch model: several batch sizes, lengths and paddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from obce_core.errors import Cancelled, Mismatch
from obce_core.export.trace import INPUTS, axes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOLERANCE = 1e-4
"""Largest difference allowed between torch and onnxruntime; of the largest output where that is above 1."""

SIZES = ((1, 1), (1, 7), (2, 2), (3, 16), (5, 33), (8, 64), (2, 128), (1, 512))
"""(batch, length); a length beyond the model's positions is cut to them."""

Feed = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was compared: the largest difference over all outputs, the largest output, and each (batch, length)."""

    difference: float
    largest: float
    sizes: tuple[tuple[int, int], ...]


def session(path: Path) -> Any:
    """Open an ONNX file in onnxruntime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(model: PreTrainedModel, seed: int = 0) -> list[Feed]:
    """Draw inputs for every size of `SIZES`: whole and padded rows (right, left, nearly all), and token types."""
    rng = np.random.default_rng(seed)
    config = model.config
    results: list[Feed] = []
    for batch, length in dict.fromkeys((batch, min(length, config.max_position_embeddings)) for batch, length in SIZES):
        shape = (batch, 2, length) if len(axes(model)) == 3 else (batch, length)
        mask = np.ones(shape, dtype=np.int64)
        rows = mask.reshape(-1, length)
        for row in range(1, len(rows)):
            padding = length - 1 if row % 3 == 2 else int(rng.integers(0, length))
            rows[row, : padding if row % 4 == 3 else 0] = 0
            rows[row, length - padding if row % 4 != 3 else length :] = 0
        results.append(
            {
                "input_ids": rng.integers(0, config.vocab_size, shape),
                "attention_mask": mask,
                "token_type_ids": rng.integers(0, config.type_vocab_size, shape),
            }
        )
    return results


def check(model: PreTrainedModel, path: Path, *, cancelled: Callable[[], bool] | None = None) -> Checked:
    """Run the file and the model on the same inputs and compare every output everywhere.

    Raises:
        Mismatch: an output is missing, of another shape or name, not finite, or differs by more than `TOLERANCE`.
    """
    run, worst, largest, sizes = session(path), 0.0, 0.0, []
    names = [entry.name for entry in run.get_outputs()]
    for feed in feeds(model):
        if cancelled is not None and cancelled():
            raise Cancelled("Checking the exported file was cancelled.")
        expected, found = outputs(model, feed), dict(zip(names, run.run(None, dict(feed)), strict=True))
        if {name: value.shape for name, value in found.items()} != {
            name: value.shape for name, value in expected.items()
        }:
            raise Mismatch(
                f"The exported file gives {_shapes(found)}, the model {_shapes(expected)}; nothing was written."
            )
        for name, value in expected.items():
            # numpy's maximum hands NaN on, where max() would drop it.
            worst = float(np.maximum(worst, np.abs(value - found[name]).max()))
            largest = float(np.maximum(largest, np.abs(value).max()))
        ids = feed["input_ids"]
        sizes.append((ids.shape[0], ids.shape[-1]))
    if not worst <= TOLERANCE * max(1.0, largest):
        raise Mismatch(
            f"The exported file differs from the model by {worst:.1e} (largest output {largest:.1e}; at most "
            f"{TOLERANCE:g} of it is "
            "rounding); nothing was written.",
            hint="Please report this model.",
        )
    return Checked(difference=worst, largest=largest, sizes=tuple(sizes))


def outputs(model: PreTrainedModel, feed: Feed) -> dict[str, np.ndarray]:
    """Run the torch model on the CPU; its outputs by name."""
    with torch.inference_mode():
        outputs_ = model(**{name: torch.from_numpy(feed[name]) for name in INPUTS})
    return {name: value.numpy() for name, value in outputs_.items() if value is not None}


def _shapes(values: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {list(value.shape)}" for name, value in values.items())
