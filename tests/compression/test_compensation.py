"""A layer with predictions folded in is the layer whose removed neurons are predicted: the same function in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from naive import folded_layer, masked_layer
from tiny import sentences

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import EncoderShape
from obce_core.architectures.stored import stored_shapes
from obce_core.components import CUTTABLE, HEADED
from obce_core.compression.checkpoint import build_compact
from obce_core.compression.compensation import mix_layer
from obce_core.compression.fidelity import largest_difference
from obce_core.compression.fold import FoldedLayer, fold_layer
from obce_core.compression.masked import masked
from obce_core.compression.ridge import AffineMap
from obce_core.models import check_model
from obce_core.models.batching import encode
from obce_core.models.load import load_model, read_state
from obce_core.plan import layer_widths

LAYERS = st.sampled_from(
    [(1, 1, 3), (2, 2, 5), (2, 3, 4), (3, 2, 7), (4, 1, 6), (2, 5, 4)]
)  # heads, head size, intermediate
SHAPE = EncoderShape(layers=1, hidden=12, heads=3, head_size=4, intermediate=5)


def random_weights(shape: EncoderShape, rng: np.random.Generator) -> dict[str, np.ndarray]:
    sizes = {name: (shape.width(name), shape.hidden) for name in (*HEADED, "attention_output", "intermediate")}
    sizes["output"] = (shape.hidden, shape.intermediate)
    found = {f"{name}.weight": rng.normal(size=size) / np.sqrt(size[1]) for name, size in sizes.items()}
    return found | {f"{name}.bias": rng.normal(size=size[0]) for name, size in sizes.items()}


def random_map(kept: np.ndarray, groups: int, rng: np.random.Generator) -> AffineMap:
    """Draw a map that stays within the groups."""
    group = np.arange(len(kept)) // (len(kept) // groups)
    weight = rng.normal(size=(int((~kept).sum()), int(kept.sum())))
    weight[group[~kept][:, None] != group[kept][None, :]] = 0.0
    return AffineMap(weight=weight, bias=rng.normal(size=len(weight)))


def random_maps(masks: dict[str, np.ndarray], heads: int, rng: np.random.Generator) -> dict[str, AffineMap]:
    """Draw a map for every component that is cut."""
    return {
        name: random_map(mask, heads if name in HEADED else 1, rng) for name, mask in masks.items() if not mask.all()
    }


def compare(shape: EncoderShape, masks: dict[str, np.ndarray], seed: int, tokens: int = 5) -> FoldedLayer:
    """Fold random maps into a random layer, run both twins on a text with padding and hold them against each other."""
    rng = np.random.default_rng(seed)
    weights, maps = random_weights(shape, rng), random_maps(masks, shape.heads, rng)
    hidden = rng.normal(size=(tokens, shape.hidden))
    present = np.arange(tokens) < rng.integers(1, tokens + 1)
    folded = mix_layer(weights, masks, maps, shape)
    become: dict[str, Any] = {
        name: (maps[name].weight, maps[name].bias) if name in maps else np.zeros(len(masks[name])) for name in masks
    }
    wanted = masked_layer(hidden, present, weights, masks, become, shape.heads, np.tanh)
    found = folded_layer(hidden, present, folded.tensors, folded.stored.widths, shape.head_size, np.tanh)
    assert np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()
    assert folded.stored.widths == layer_widths(masks, None, shape)
    assert {name: tensor.shape for name, tensor in folded.tensors.items()} == stored_shapes(folded.stored.widths, shape)
    check_rows(folded, masks, shape, weights)
    return folded


def check_rows(
    folded: FoldedLayer, masks: dict[str, np.ndarray], shape: EncoderShape, weights: dict[str, np.ndarray]
) -> None:
    """Hold the indices of the stored rows against a loop over the heads."""
    index, mixed = [], []
    for head in range(shape.heads):
        dims = range(head * shape.head_size, (head + 1) * shape.head_size)
        queries, keys = ([i for i in dims if masks[name][i]] for name in ("query", "key"))
        if len(queries) == len(keys) == shape.head_size:
            index, mixed = index + keys, mixed + [0] * len(keys)
        elif len(keys) <= len(queries):
            index, mixed = index + keys, mixed + [1] * len(keys)
        else:
            index, mixed = index + queries, mixed + [2] * len(queries)
    assert folded.stored.rows.pairs.tolist() == index
    assert folded.stored.rows.mixed.tolist() == mixed
    assert folded.stored.rows.values.tolist() == [i for i in range(len(masks["value"])) if masks["value"][i]]
    assert folded.stored.rows.intermediate.tolist() == [
        i for i in range(len(masks["intermediate"])) if masks["intermediate"][i]
    ]
    for row, (at, mark) in enumerate(zip(index, mixed, strict=True)):
        for name, mixes in (("query", 1), ("key", 2)):
            if mark != mixes:
                assert np.allclose(folded.tensors[f"{name}.weight"][row], weights[f"{name}.weight"][at], rtol=1e-14)


@given(LAYERS, st.data())
def test_folding_predictions_is_exact_for_any_masks(sizes: tuple[int, int, int], data: st.DataObject) -> None:
    heads, head_size, middle = sizes
    shape = EncoderShape(layers=1, hidden=heads * head_size, heads=heads, head_size=head_size, intermediate=middle)
    masks = {}
    for name in CUTTABLE:
        width = shape.width(name)
        some = st.lists(st.booleans(), min_size=width, max_size=width)
        masks[name] = np.array(data.draw(st.one_of(some, st.just([True] * width), st.just([False] * width))))
    compare(shape, masks, data.draw(st.integers(0, 1000)))


# name, removed neurons by component (None: all), pairs and extra rows by head
CASES: list[tuple[str, dict[str, list[int] | None], tuple[int, ...], tuple[int, ...]]] = [
    ("nothing", {}, (4, 4, 4), (0, 0, 0)),
    ("fewer keys than queries", {"key": [0, 1, 4], "query": [3]}, (2, 3, 4), (0, 0, 0)),
    ("fewer queries than keys", {"query": [0, 1, 4], "key": [3]}, (2, 3, 4), (1, 1, 0)),
    ("as many, and the same", {"query": [0, 1], "key": [0, 1]}, (2, 4, 4), (0, 0, 0)),
    ("as many, and none in common", {"query": [0, 1], "key": [2, 3]}, (2, 4, 4), (0, 0, 0)),
    ("a head without queries", {"query": [4, 5, 6, 7]}, (4, 0, 4), (0, 1, 0)),
    ("a head without keys", {"key": [4, 5, 6, 7]}, (4, 0, 4), (0, 0, 0)),
    ("a head without either", {"query": [0, 1, 2, 3], "key": [0, 1, 2, 3]}, (0, 4, 4), (0, 0, 0)),
    ("no query at all", {"query": None, "key": [5]}, (0, 0, 0), (1, 1, 1)),
    ("no key at all", {"key": None, "query": [5]}, (0, 0, 0), (0, 0, 0)),
    ("a head without values", {"value": [4, 5, 6, 7]}, (4, 4, 4), (0, 0, 0)),
    ("no value at all", {"value": None}, (4, 4, 4), (0, 0, 0)),
    ("no intermediate at all", {"intermediate": None}, (4, 4, 4), (0, 0, 0)),
    ("everything", {"query": None, "key": None, "value": None, "intermediate": None}, (0, 0, 0), (0, 0, 0)),
]


@pytest.mark.parametrize(("name", "cut", "pairs", "extra"), CASES, ids=[case[0] for case in CASES])
def test_each_case_of_a_cut_is_exact(
    name: str, cut: dict[str, list[int] | None], pairs: tuple[int, ...], extra: tuple[int, ...]
) -> None:
    masks = {component: np.ones(SHAPE.width(component), dtype=bool) for component in CUTTABLE}
    for component, neurons in cut.items():
        masks[component][slice(None) if neurons is None else neurons] = False
    for seed in range(3):
        folded = compare(SHAPE, masks, seed)
        assert (folded.stored.widths.pairs, folded.stored.widths.extra) == (pairs, extra)


def test_maps_of_zero_weight_are_the_same_function_as_constants() -> None:
    rng = np.random.default_rng(5)
    weights, hidden, present = random_weights(SHAPE, rng), rng.normal(size=(4, SHAPE.hidden)), np.ones(4, dtype=bool)
    masks = {name: rng.random(SHAPE.width(name)) < 0.6 for name in CUTTABLE}
    constants = {name: rng.normal(size=len(mask)) for name, mask in masks.items()}
    maps = {
        n: AffineMap(weight=np.zeros((int((~m).sum()), int(m.sum()))), bias=constants[n][~m]) for n, m in masks.items()
    }
    one, two = mix_layer(weights, masks, maps, SHAPE), fold_layer(weights, masks, constants, SHAPE)
    runs = [
        folded_layer(hidden, present, each.tensors, each.stored.widths, SHAPE.head_size, np.tanh) for each in (one, two)
    ]
    assert np.abs(runs[0] - runs[1]).max() <= 1e-12
    both = masks["query"] & masks["key"]
    assert (two.stored.rows.pairs.tolist(), two.stored.rows.mixed.tolist()) == (
        np.flatnonzero(both).tolist(),
        [0] * int(both.sum()),
    )
    assert (
        two.stored.rows.values.tolist() == one.stored.rows.values.tolist()
        and two.stored.rows.intermediate.tolist() == one.stored.rows.intermediate.tolist()
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_a_whole_model_in_float64_is_its_masked_twin(seed: int, tiny_analysis: Analysis) -> None:
    report = check_model(tiny_analysis.meta["model"]["spec"])
    shape, family, rng = report.shape, report.family, np.random.default_rng(seed)
    state = {name: tensor.double() for name, tensor in read_state(report).items()}
    removed, widths = {}, []
    for layer in range(1, shape.layers + 1):
        masks = {name: rng.random(shape.width(name)) < rng.choice([0.3, 0.6]) for name in CUTTABLE}
        masks["query"][:8] = layer != 1  # a head without queries
        masks["key"][8:16] = layer != 2  # a head without keys
        masks["value"] &= layer != 3  # no value at all
        maps = random_maps(masks, shape.heads, rng)
        paths = {c: family.linear(layer, c) for c in (*CUTTABLE, "attention_output", "output")}
        weights = {f"{c}.{p}": state[f"{path}.{p}"].numpy() for c, path in paths.items() for p in ("weight", "bias")}
        folded = mix_layer(weights, masks, maps, shape)
        widths.append(folded.stored)
        for name, tensor in folded.tensors.items():
            component, part = name.split(".")
            state[f"{paths[component]}.{part}"] = torch.from_numpy(tensor)
        for name, how in maps.items():
            removed[layer, name] = tuple(torch.from_numpy(part) for part in (~masks[name], how.weight, how.bias))
    cut = build_compact(report, list(widths), {name: tensor.float() for name, tensor in state.items()}).double().eval()
    cut.load_state_dict({name: tensor for name, tensor in state.items() if name in cut.state_dict()})
    original = load_model(report, device="cpu", dtype="float64")
    texts = encode(original.tokenizer, sentences(9, seed=5))
    assert len(set(texts.lengths.tolist())) > 2  # so there is padding
    with masked(original.base, family, removed):
        assert largest_difference(original.model, cut, texts, batch_size=9) <= 1e-10
    assert largest_difference(original.model, cut, texts, batch_size=9) > 1e-2
