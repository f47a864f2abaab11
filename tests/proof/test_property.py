"""Whatever is cut, whatever stands in its place: the folded model is the masked one, to rounding in float64."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tiny import randomize

from obce_core.architectures import FAMILIES, EncoderShape
from obce_core.batching import Encoded, padded
from obce_core.components import CUTTABLE
from obce_core.compression.checkpoint import build_compact
from obce_core.compression.mask import masked
from obce_core.compression.removed import Removed, removed_widths
from obce_core.compression.state import fold_state
from obce_core.fidelity import differences
from obce_core.models import ModelReport, ModelSource
from obce_core.plan import METHODS, Compensation

FAMILY = FAMILIES["bert"]
WORDS, POSITIONS = 23, 16

shapes = st.builds(
    lambda layers, heads, head_size, intermediate: EncoderShape(
        layers=layers, hidden=heads * head_size, heads=heads, head_size=head_size, intermediate=intermediate
    ),
    layers=st.integers(1, 3),
    heads=st.integers(1, 4),
    head_size=st.integers(1, 8),
    intermediate=st.integers(1, 24),
)


def cells(shape: EncoderShape, component: str) -> st.SearchStrategy[np.ndarray]:
    """Draw the removed neurons of a cell: none, all, one head whole, a head but for one neuron, or any."""
    width = shape.width(component)
    none, every = np.zeros(width, dtype=bool), np.ones(width, dtype=bool)
    at = np.arange(width)
    choices = [st.just(none), st.just(every), st.lists(st.booleans(), min_size=width, max_size=width).map(np.array)]
    if component != "intermediate":
        heads = st.integers(0, shape.heads - 1)
        choices.append(heads.map(lambda head: at // shape.head_size == head))
        choices.append(heads.map(lambda head: at // shape.head_size != head))
        choices.append(heads.map(lambda head: (at // shape.head_size == head) & (at % shape.head_size > 0)))
    return st.one_of(choices)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[EncoderShape, Removed, int]:
    """Draw a shape, the removed neurons of every cell with their constants, and a seed for the weights."""
    shape = draw(shapes)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    size = draw(st.sampled_from([0.1, 1.0, 5.0]))
    compensation = Compensation(method=draw(st.sampled_from(METHODS)), tokens=draw(st.sampled_from(["cls", "all"])))
    removed: dict[tuple[int, str], tuple[torch.Tensor, torch.Tensor]] = {}
    for layer in range(1, shape.layers + 1):
        for component in CUTTABLE:
            gone = draw(cells(shape, component))
            if not gone.any():
                continue
            columns = {f"{name}_{tokens}": size * rng.normal(size=len(gone)) for name in ("mean", "std") for tokens in ("cls", "all")}
            constants = compensation.constants({name: abs(v) if "std" in name else v for name, v in columns.items()})
            removed[layer, component] = torch.from_numpy(gone), torch.from_numpy(constants)
            event(f"{component}: {'all' if gone.all() else 'some'} cut")
    return shape, removed, draw(st.integers(0, 2**16))


def report_of(shape: EncoderShape) -> ModelReport:
    """Describe a model that was never on disk."""
    sizes: dict[str, Any] = {
        "vocab_size": WORDS,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": POSITIONS,
    }
    config = {field.name: sizes.get(field.name, field.read({}) if field.name not in sizes else None) for field in FAMILY.fields}
    source = ModelSource(spec="memory", kind="folder", name="memory", revision="", folder=Path("memory"))
    return ModelReport(
        source=source, family=FAMILY, architecture="BertModel", shape=shape, config=config, ignored=(), tensors={}, extra=()
    )  # fmt: skip


@settings(max_examples=150)
@given(cuts())
def test_the_folded_model_is_the_masked_one(cut: tuple[EncoderShape, Removed, int]) -> None:
    shape, removed, seed = cut
    report = report_of(shape)
    original: Any = transformers.BertModel(transformers.BertConfig(**report.config)).eval()
    randomize(original, seed)
    original.double()
    widths, state = fold_state(original.state_dict(), FAMILY, shape, removed, dtype=torch.float64)
    assert widths == removed_widths(removed, shape)
    compact = build_compact(report, widths, state, dtype=torch.float64).eval()
    rng = np.random.default_rng(seed)
    ids = tuple(tuple(rng.integers(0, WORDS, length).tolist()) for length in (1, 7, POSITIONS, 3))
    batch = padded(Encoded(ids=ids, max_length=POSITIONS, truncated=0, pad_id=0), np.arange(len(ids)))
    with masked(original, FAMILY, removed):
        found = differences(original, compact, [batch])
    assert math.isfinite(found.hidden) and found.hidden <= 1e-12
    stored = {name: tensor for name, tensor in compact.state_dict().items() if name in state}
    assert all(torch.equal(stored[name], state[name]) for name in stored)  # nothing passed through float32
