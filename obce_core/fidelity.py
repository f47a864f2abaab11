"""How close a smaller model stays to the original: cosines of its outputs, and the proof that cutting was exact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from obce_core.batching import Batch, Encoded, batches
from obce_core.compression.result import Fidelity
from obce_core.errors import Cancelled


def fidelity(
    original: torch.nn.Module,
    smaller: torch.nn.Module,
    encoded: Encoded,
    *,
    batch_size: int = 32,
    cancelled: Callable[[], bool] | None = None,
) -> Fidelity:
    """Compare the last hidden states of two base models on the same texts.

    The mean is over all of a text's tokens, [CLS] and [SEP] included, padding not.
    """
    found: list[torch.Tensor] = []
    device = next(original.parameters()).device
    with torch.inference_mode():
        for batch in batches(encoded, batch_size, device):
            if cancelled is not None and cancelled():
                raise Cancelled("Measuring the fidelity was cancelled.")
            a, b = _hidden(original, batch), _hidden(smaller, batch)  # (batch, tokens, hidden)
            weights = batch.mask.double().unsqueeze(-1)
            count = weights.sum(1)
            pair = [(a[:, 0], b[:, 0]), ((a * weights).sum(1) / count, (b * weights).sum(1) / count)]
            found.append(torch.stack([torch.cosine_similarity(x, y, dim=-1) for x, y in pair]).cpu())
    cosines = torch.cat(found, dim=1).numpy()  # (2, texts)
    return Fidelity(
        texts=cosines.shape[1],
        cls=float(np.mean(cosines[0])),
        pooled=float(np.mean(cosines[1])),
        cls_lowest=float(np.min(cosines[0])),
        pooled_lowest=float(np.min(cosines[1])),
    )


def largest_difference(reference: torch.nn.Module, model: torch.nn.Module, encoded: Encoded, *, batch_size: int = 16) -> float:
    """Return the largest |difference| of two models' first outputs, over non-padding positions, as a share of the
    largest |reference output|: logits where there is a head, hidden states where there is none."""
    worst = largest = 0.0
    device = next(reference.parameters()).device
    with torch.inference_mode():
        for batch in batches(encoded, batch_size, device):
            a, b = _first(reference, batch), _first(model, batch)
            # numpy's maximum hands NaN on, where max() would drop it and call two models equal.
            worst = float(np.maximum(worst, float((a - b).abs().max())))
            largest = max(largest, float(a.abs().max()))
    return worst / largest if largest else worst


def _hidden(base: torch.nn.Module, batch: Batch) -> torch.Tensor:
    return base(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state.double()


def _first(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    if type(model).__name__.endswith("MultipleChoice"):
        output = model(input_ids=batch.ids.unsqueeze(0), attention_mask=batch.mask.unsqueeze(0))[0]
    else:
        output = model(input_ids=batch.ids, attention_mask=batch.mask)[0]
    values = output.double()
    return values[batch.mask.bool()] if values.shape[:2] == batch.mask.shape else values
