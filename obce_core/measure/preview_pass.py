"""Measure plans on one loaded model; the original's outputs are computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.analysis.original import original_of
from obce_core.architectures import Family, HookPoint
from obce_core.compression.fidelity import compare_states, summaries
from obce_core.compression.masked import masked
from obce_core.compression.replacement import Removed, removed_neurons
from obce_core.compression.result import Fidelity
from obce_core.errors import ObceError
from obce_core.measure.preview import keep_preview, not_measured, preview_key, preview_texts, read_preview
from obce_core.models.batching import Batch, Encoded, batches, encode
from obce_core.models.hooks import hooked
from obce_core.models.load import LoadedModel, load_model
from obce_core.plan.plan import Plan, only, resolve
from obce_core.plan.serialize import parse_prune_spec

ROOM = 400_000_000
"""Bytes that stored hidden states may take; where all layers need more, every second, third, … is stored."""


class PreviewPass:
    """The original's outputs on some texts, and its hidden states before its layers; holds its model.

    >>> Preview(original, encoded).measure(removed).pooled                             # doctest: +SKIP
    """

    def __init__(self, original: LoadedModel, encoded: Encoded, *, room: int = ROOM) -> None:
        self._base, self._family = original.base, original.report.family
        shape = original.report.shape
        self._batches = list(batches(encoded, device=next(self._base.parameters()).device))
        size = (
            sum(batch.ids.numel() for batch in self._batches)
            * shape.hidden
            * next(self._base.parameters()).element_size()
        )
        step = max(1, -(-shape.layers * size // room))
        self.starts = tuple(range(1, shape.layers + 1, step))
        self._states: list[dict[int, torch.Tensor]] = []
        results = []
        with torch.inference_mode():
            for batch in self._batches:
                states: dict[int, torch.Tensor] = {}
                entries = [
                    (HookPoint(f"{self._family.layers}.{layer - 1}", "input"), partial(states.__setitem__, layer))
                    for layer in self.starts
                ]
                with hooked(self._base, entries):
                    results.append(self._run(batch))
                self._states.append(states)
        self._own = torch.cat(results, dim=1)  # (2, texts, hidden)

    def measure(self, removed: Removed) -> Fidelity:
        """Compare the original with itself when these neurons are replaced by what they become."""
        first = min((layer for layer, _ in removed), default=1)
        start = max(layer for layer in self.starts if layer <= first)
        measurements = []
        with torch.inference_mode(), masked(self._base, self._family, removed):
            for batch, states in zip(self._batches, self._states, strict=True):
                with _beginning(self._base, self._family, start, states[start]):
                    measurements.append(self._run(batch))
        return compare_states(self._own, torch.cat(measurements, dim=1))

    def _run(self, batch: Batch) -> torch.Tensor:
        return summaries(self._base(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state, batch.mask)


def prepare(analysis: Analysis, original: LoadedModel) -> PreviewPass:
    """Read the analysis's held-out texts (see `preview_texts`) with its original model."""
    held = analysis.texts.heldout
    positions = original.report.config.get("max_position_embeddings", 512)
    texts = [held[row] for row in preview_texts(len(held))]
    return PreviewPass(
        original, encode(original.tokenizer, texts, max_length=analysis.meta["max_length"], positions=positions)
    )


def measured(analysis: Analysis, plan: Plan, preview: Callable[[], PreviewPass]) -> Fidelity:
    """Return how close a plan keeps the model, from the cache when it was measured before; else `preview` is called.

    Raises:
        ObceError: it cannot be measured before the model is built (see `not_measured`).
    """
    why = not_measured(analysis, plan.prune_spec.compensation)
    if why:
        raise ObceError(f"Not measured: {why}.")
    key = preview_key(analysis.id, plan.kept, plan.prune_spec.compensation)
    known = read_preview(key)
    if known is None:
        known = preview().measure(removed_neurons(analysis, plan))
        keep_preview(key, known)
    return known


def answer(arguments: Mapping[str, Any], memory: MutableMapping[str, Any]) -> dict[str, Any]:
    """Answer a request for a preview of the `intent` (a document), or of single `cells`, on an `analysis`.

    The analysis asked for last stays in `memory`, with its model and its outputs. Returns a `Fidelity` as plain data.
    """
    analysis = memory.get("preview")
    if analysis is None or analysis.analysis.id != arguments["analysis"]:
        memory.pop("preview", None)  # two models at once might be too many
        analysis = memory["preview"] = _Held(analysis=read_analysis(arguments["analysis"]))
    plan = resolve(analysis.analysis, parse_prune_spec(arguments["intent"]))
    if "cells" in arguments:
        plan = only(plan, [(layer, component) for layer, component in arguments["cells"]])
    return asdict(measured(analysis.analysis, plan, analysis.preview))


@dataclass(kw_only=True)
class _Held:
    """An analysis and, once it is needed, its model's preview."""

    analysis: Analysis
    loaded: PreviewPass | None = None

    def preview(self) -> PreviewPass:
        if self.loaded is None:
            self.loaded = prepare(self.analysis, load_model(original_of(self.analysis)))
        return self.loaded


@contextmanager
def _beginning(base: torch.nn.Module, family: Family, layer: int, states: torch.Tensor) -> Iterator[None]:
    """Within the block, a pass begins at this layer, with these hidden states (batch, tokens, hidden)."""
    path, _, name = family.layers.rpartition(".")
    parent, stack = base.get_submodule(path), base.get_submodule(family.layers)
    assert isinstance(stack, torch.nn.ModuleList)
    first = HookPoint(f"{family.layers}.0", "input")
    setattr(parent, name, stack[layer - 1 :])
    try:
        with hooked(base, [(first, lambda _: states)]):
            yield
    finally:
        setattr(parent, name, stack)
