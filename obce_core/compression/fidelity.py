"""Fidelity of a smaller model: cosines to the original's outputs, and the difference to its masked twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from obce_core.compression.result import Fidelity
from obce_core.errors import Cancelled, Mismatch
from obce_core.models.batching import Batch, Encoded, batches

_HIDDEN = "hidden"
_BASE = ("last_hidden_state", "pooler_output")
"""What a model without a head hands on beside its hidden states."""


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
    results: list[tuple[torch.Tensor, torch.Tensor]] = []
    device = next(original.parameters()).device
    with torch.inference_mode():
        for batch in batches(encoded, batch_size, device):
            if cancelled is not None and cancelled():
                raise Cancelled("Measuring the fidelity was cancelled.")
            results.append(
                (summaries(_hidden(original, batch), batch.mask), summaries(_hidden(smaller, batch), batch.mask))
            )
    first, second = zip(*results, strict=True)
    return compare_states(torch.cat(first, dim=1), torch.cat(second, dim=1))


def summaries(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return each text's [CLS] and its mean over all tokens, float64, shape (2, batch, hidden).

    `hidden` has shape (batch, tokens, hidden), `mask` (batch, tokens).
    """
    values, weights = hidden.double(), mask.double().unsqueeze(-1)
    return torch.stack([values[:, 0], (values * weights).sum(1) / weights.sum(1)])


def compare_states(first: torch.Tensor, second: torch.Tensor) -> Fidelity:
    """Return the cosines between two models' summaries of the same texts, each of shape (2, texts, hidden)."""
    cosines = torch.cosine_similarity(first, second, dim=-1).cpu().numpy()  # (2, texts)
    return Fidelity(
        texts=cosines.shape[1],
        cls=float(np.mean(cosines[0])),
        pooled=float(np.mean(cosines[1])),
        cls_lowest=float(np.min(cosines[0])),
        pooled_lowest=float(np.min(cosines[1])),
    )


def largest_difference(
    reference: torch.nn.Module, model: torch.nn.Module, encoded: Encoded, *, batch_size: int = 16
) -> float:
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


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Largest differences of two models, each as a share of the largest |output| of the reference there.

    `hidden`: the worst of the hidden states of all layers, the embeddings' and the pooler's output included. `logits`:
    the worst of what a head hands on; None for a model without one.
    """

    hidden: float
    logits: float | None


def differences(reference: torch.nn.Module, model: torch.nn.Module, batches: Iterable[Batch]) -> Difference:
    """Compare every output of two models over non-padding positions; NaN anywhere gives NaN or inf.

    Raises:
        Mismatch: the models do not hand on the same outputs.
    """
    worst: dict[str, float] = {}
    largest: dict[str, float] = {}
    with torch.inference_mode():
        for batch in batches:
            a, b = _outputs(reference, batch), _outputs(model, batch)
            if a.keys() != b.keys():
                raise Mismatch(f"The models hand on other outputs: {', '.join(sorted(a.keys() ^ b.keys()))}.")
            for name in a:
                # numpy's maximum hands NaN on, where max() would drop it and call two models equal.
                worst[name] = float(np.maximum(worst.get(name, 0.0), float((a[name] - b[name]).abs().max())))
                largest[name] = float(np.maximum(largest.get(name, 0.0), float(a[name].abs().max())))
    shares = {name: worst[name] / largest[name] if largest[name] else worst[name] for name in worst}
    hidden = [share for name, share in shares.items() if name.startswith(_HIDDEN)]
    other = [share for name, share in shares.items() if not name.startswith(_HIDDEN)]
    return Difference(hidden=float(np.max(hidden)), logits=float(np.max(other)) if other else None)


def _outputs(model: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
    """Return every output by name, float64, without padding; hidden states are `hidden 0` (embeddings) and so on."""
    output = _call(model, batch, output_hidden_states=True)
    results: dict[str, torch.Tensor] = {}
    for name, value in output.items():
        if name == "hidden_states":
            results |= {f"{_HIDDEN} {layer}": _present(states, batch) for layer, states in enumerate(value)}
        elif isinstance(value, torch.Tensor):
            results[f"{_HIDDEN} {name}" if name in _BASE else name] = _present(value, batch)
    return results


def _hidden(base: torch.nn.Module, batch: Batch) -> torch.Tensor:
    return base(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state.double()


def _first(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    return _present(_call(model, batch)[0], batch)


def _call(model: torch.nn.Module, batch: Batch, **options: bool) -> Any:
    """Run a model on a batch; for multiple choice the texts are the choices of one question."""
    ids, mask = batch.ids, batch.mask
    if type(model).__name__.endswith("MultipleChoice"):
        ids, mask = ids.unsqueeze(0), mask.unsqueeze(0)
    return model(input_ids=ids, attention_mask=mask, **options)


def _present(values: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Drop padding positions from values per token, float64."""
    values = values.double()
    return values[batch.mask.bool()] if values.shape[:2] == batch.mask.shape else values
