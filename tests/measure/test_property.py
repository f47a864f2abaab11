"""Whatever is cut, whatever stands in its place: the folded model is the masked one, to rounding in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tiny import randomize

from obce_core.architectures import FAMILIES, EncoderShape
from obce_core.architectures.stored import StoredLayer, read_entries, to_entry
from obce_core.components import CUTTABLE
from obce_core.compression.checkpoint import build_compact
from obce_core.compression.fidelity import differences
from obce_core.compression.masked import masked
from obce_core.compression.replacement import Removed, removed_layers
from obce_core.compression.state import fold_state
from obce_core.models import ModelReport, ModelSource
from obce_core.models.batching import Encoded, padded
from obce_core.models.dense import dense_state
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


Stage = tuple[str, dict[tuple[int, str], np.ndarray], int]
"""A compensation, the neurons to remove where they are still there, and a seed for what stands in their place."""


@st.composite
def stages(draw: st.DrawFn, count: int) -> tuple[EncoderShape, list[Stage], int]:
    """Draw a shape, so many cuts of every cell one after the other, and a seed for the weights."""
    shape = draw(shapes)
    found = []
    for _ in range(count):
        gone = {(layer, name): draw(cells(shape, name)) for layer in range(1, shape.layers + 1) for name in CUTTABLE}
        found.append((draw(st.sampled_from(METHODS)), gone, draw(st.integers(0, 2**16))))
    return shape, found, draw(st.integers(0, 2**16))


def replaced(stage: Stage, shape: EncoderShape, earlier: Sequence[StoredLayer | None]) -> Removed:
    """Say what a cut puts in the place of the neurons that it finds."""
    method, wanted, seed = stage
    rng = np.random.default_rng(seed)
    size = rng.choice([0.1, 1.0, 5.0])
    removed: dict[tuple[int, str], Any] = {}
    for (layer, component), where in wanted.items():
        there = np.zeros(len(where), dtype=bool)
        past = earlier[layer - 1] if earlier else None
        there[... if past is None else past.stored(component, shape)] = True
        gone = where & there
        if not gone.any():
            continue
        if method == "least-squares":
            head = np.arange(len(gone)) // (len(gone) if component == "intermediate" else shape.head_size)
            weight = 0.3 * rng.normal(size=(len(gone), len(gone))) * (head[:, None] == head) * there
            become = [weight[np.ix_(gone, ~gone)], size * rng.normal(size=int(gone.sum()))]
        else:
            columns = {f"{name}_cls": size * rng.normal(size=len(gone)) for name in ("mean", "std")}
            become = [
                Compensation(method=method).constants(
                    {"mean_cls": columns["mean_cls"], "std_cls": abs(columns["std_cls"])}
                )
            ]
        removed[layer, component] = tuple(torch.from_numpy(part) for part in (gone, *become))
        event(f"{component}: {'all' if gone.all() else 'some'} cut")
    return removed


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
    config = {
        field.name: sizes.get(field.name, field.read({}) if field.name not in sizes else None)
        for field in FAMILY.fields
    }
    source = ModelSource(spec="memory", kind="folder", name="memory", revision="", folder=Path("memory"))
    return ModelReport(
        source=source,
        family=FAMILY,
        architecture="BertModel",
        shape=shape,
        config=config,
        ignored=(),
        tensors={},
        extra=(),
    )


def batch_of(seed: int) -> Any:
    """Make random texts of several lengths, padded."""
    rng = np.random.default_rng(seed)
    ids = tuple(tuple(rng.integers(0, WORDS, length).tolist()) for length in (1, 7, POSITIONS, 3))
    return padded(Encoded(ids=ids, max_length=POSITIONS, truncated=0, pad_id=0), np.arange(len(ids)))


def stock(report: ModelReport, state: dict[str, torch.Tensor] | None = None, seed: int = 0) -> Any:
    """Build the stock model in float64, with random weights or given ones."""
    model: Any = transformers.BertModel(transformers.BertConfig(**report.config)).eval()
    randomize(model, seed)
    model.double()
    if state is not None:
        model.load_state_dict(state)
    return model


def difference(reference: Any, masks: Sequence[Removed], compact: Any, seed: int) -> float:
    """Run both models, the reference under masks of which the first is entered first."""
    with ExitStack() as stack:
        for removed in masks:
            stack.enter_context(masked(reference, FAMILY, removed))
        return differences(reference, compact, [batch_of(seed)]).hidden


@settings(max_examples=150)
@given(stages(1))
def test_the_folded_model_is_the_masked_one(drawn: tuple[EncoderShape, list[Stage], int]) -> None:
    shape, (stage,), seed = drawn
    report, removed = report_of(shape), replaced(stage, shape, ())
    original = stock(report, seed=seed)
    layers, state = fold_state(original.state_dict(), FAMILY, shape, removed, dtype=torch.float64)
    told = to_json(layers, shape)
    assert told == to_json(removed_layers(removed, shape), shape) == to_json(read_entries(told, shape), shape)
    compact = build_compact(report, layers, state, dtype=torch.float64).eval()
    found = difference(original, [removed], compact, seed)
    assert math.isfinite(found) and found <= 1e-12
    stored = {name: tensor for name, tensor in compact.state_dict().items() if name in state}
    assert all(torch.equal(stored[name], state[name]) for name in stored)  # nothing passed through float32
    dense = stock(report, dense_state(state, FAMILY, shape, layers))
    assert difference(dense, [], compact, seed) <= 1e-12


@settings(max_examples=150)
@given(stages(2))
def test_a_model_cut_twice_is_the_one_with_both_masks(drawn: tuple[EncoderShape, list[Stage], int]) -> None:
    shape, (one, two), seed = drawn
    report, first = report_of(shape), replaced(one, shape, ())
    original = stock(report, seed=seed)
    once, state = fold_state(original.state_dict(), FAMILY, shape, first, dtype=torch.float64)
    dense = dense_state(state, FAMILY, shape, once)
    second = replaced(two, shape, once)
    twice, state = fold_state(dense, FAMILY, shape, second, earlier=once, dtype=torch.float64)
    assert to_json(twice, shape) == to_json(removed_layers(second, shape, once), shape)
    compact = build_compact(report, twice, state, dtype=torch.float64).eval()
    assert difference(stock(report, dense), [second], compact, seed) <= 1e-12
    mixed = {layer for layer, name in first if name in ("query", "key")} if one[0] == "least-squares" else set()
    if not mixed & {layer for layer, name in second if name in ("query", "key")}:
        # A later mask acts on what an earlier one predicts from, so it is entered first.
        assert difference(original, [second, first], compact, seed) <= 1e-12


def to_json(layers: Sequence[StoredLayer | None], shape: EncoderShape) -> list[Any]:
    return [None if layer is None else to_entry(layer, shape) for layer in layers]
