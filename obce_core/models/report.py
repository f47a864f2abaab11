"""The report of a checked model: its source, family, shape, tensors, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from obce_core.architectures import EncoderShape, Family
from obce_core.architectures.stored import StoredLayer
from obce_core.errors import ModelError
from obce_core.models.head import Head, head_of
from obce_core.models.locate import ModelSource
from obce_core.models.weights import FLOATS, TensorInfo

_OVERHEAD_BYTES = 700_000_000
"""Resident memory of a worker with torch and transformers imported, plus one batch (measured on BERT Base)."""


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What was found in a model's folder.

    `config` holds the allowed fields only; `ignored` names the others. `tensors` are those of the model, heads
    included; `unused` are tensors of the file that transformers would ignore (layers beyond num_hidden_layers, unknown
    names in the encoder): they are counted nowhere and never loaded. Parameter counts are of stored tensors. `layers`
    has an entry a layer for a model that obce cut (None: that layer is whole) and is empty for a stock one; `shape` and
    `config` are always those of the uncut model.
    """

    source: ModelSource
    family: Family
    architecture: str
    shape: EncoderShape
    config: Mapping[str, Any]
    ignored: tuple[str, ...]
    tensors: Mapping[str, TensorInfo]
    extra: tuple[str, ...]
    unused: Mapping[str, TensorInfo] = field(default_factory=dict)
    layers: tuple[StoredLayer | None, ...] = ()

    @property
    def parameters(self) -> int:
        """Parameters stored in the file, heads included."""
        return sum(info.count for info in self.tensors.values() if info.dtype.startswith(("F", "BF")))

    @property
    def encoder_parameters(self) -> int:
        """Parameters of the encoder's layers, without embeddings, pooler and heads."""
        layers = self.family.layers + "."
        return sum(info.count for name, info in self.tensors.items() if self.family.strip_root(name).startswith(layers))

    def neurons(self, layer: int, component: str) -> np.ndarray:
        """Return the original indices of a cell's neurons, shape (neurons,): all of them in a stock model."""
        stored = self.layers[layer - 1] if self.layers else None
        return np.arange(self.shape.width(component)) if stored is None else stored.stored(component, self.shape)

    @property
    def bytes(self) -> int:
        """Size of the weights file without the data of its unused tensors."""
        return self.source.weights.stat().st_size - sum(info.bytes for info in self.unused.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the file, in sentences; empty for most models."""
        floats = [name for name, info in self.unused.items() if info.dtype in FLOATS]  # index tables are usual there
        if not floats:
            return ()
        numbers = {
            number for name in floats if (number := self.family.layer_number(name)) and number > self.shape.layers
        }
        rest = sum(self.family.layer_number(name) not in numbers for name in floats)
        layers = f"{len(numbers)} layers beyond the {self.shape.layers} of num_hidden_layers" if numbers else ""
        if len(numbers) == 1:
            layers = f"1 layer beyond the {self.shape.layers} of num_hidden_layers"
        others = f"{rest} {'tensor' if rest == 1 else 'tensors'} that {self.family.title} does not have" if rest else ""
        what = " and ".join(part for part in (layers, others) if part)
        return (f"{self.source.weights.name} holds {what}; left out, as transformers does.",)

    @property
    def head(self) -> Head:
        """The head (or pooler) that the architecture's outputs need, and what of it is in the file."""
        return head_of(self.family, self.architecture, self.config, self.tensors)

    @property
    def memory_bytes(self) -> int:
        """Memory that an analysis needs, about: float32 weights and the worker's own."""
        return 4 * self.parameters + _OVERHEAD_BYTES


def require_head(report: ModelReport) -> None:
    """Raise ModelError if the outputs of the model's architecture would be random."""
    head, base = report.head, report.family.architectures()[0]
    if head.is_complete or head.architecture == base:
        return
    where = "the original's config.json and cut it again" if report.layers else "config.json"
    raise ModelError(
        f"{report.source.name}: {report.source.weights.name} lacks {head.absent_words}; the outputs of "
        f"{head.architecture} would be "
        "random.",
        hint=f'Set architectures to ["{base}"] in {where} to export the embeddings, or take a file that has the head.',
    )
