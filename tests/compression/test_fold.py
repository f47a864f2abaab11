"""A folded layer is the masked layer: the same function in float64, whatever is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import folded_layer, masked_layer

from obce_core.architectures import EncoderShape
from obce_core.components import CUTTABLE
from obce_core.compression.fold import fold_layer

LAYERS = st.sampled_from([(1, 1, 3), (2, 2, 5), (2, 3, 4), (3, 2, 7), (4, 1, 6)])  # heads, head size, intermediate


def random_layer(shape: EncoderShape, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the linear maps of a layer."""
    sizes = {
        name: (shape.width(name), shape.hidden)
        for name in ("query", "key", "value", "attention_output", "intermediate")
    }
    sizes["output"] = (shape.hidden, shape.intermediate)
    found = {f"{name}.weight": rng.normal(size=size) / np.sqrt(size[1]) * 1.5 for name, size in sizes.items()}
    return found | {f"{name}.bias": rng.normal(size=size[0]) for name, size in sizes.items()}


def compare(
    shape: EncoderShape, masks: dict[str, np.ndarray], constants: dict[str, np.ndarray], seed: int, tokens: int = 5
) -> Any:
    """Fold a random layer, run both twins on a text with padding and hold them against each other."""
    rng = np.random.default_rng(seed)
    weights = random_layer(shape, rng)
    hidden = rng.normal(size=(tokens, shape.hidden))
    present = np.arange(tokens) < rng.integers(1, tokens + 1)
    folded = fold_layer(weights, masks, constants, shape)
    wanted = masked_layer(hidden, present, weights, masks, constants, shape.heads, np.tanh)
    found = folded_layer(hidden, present, folded.tensors, folded.stored.widths, shape.head_size, np.tanh)
    assert np.abs(found - wanted).max() <= 1e-12 * np.abs(wanted).max()
    return folded


def full(shape: EncoderShape) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Keep everything; every constant is another number."""
    masks = {name: np.ones(shape.width(name), dtype=bool) for name in CUTTABLE}
    return masks, {name: np.linspace(-1.5, 2.0, shape.width(name)) for name in CUTTABLE}


SHAPE = EncoderShape(layers=1, hidden=6, heads=3, head_size=2, intermediate=5)


@given(LAYERS, st.data())
def test_folding_is_exact_for_any_masks_and_constants(sizes: tuple[int, int, int], data: st.DataObject) -> None:
    heads, head_size, middle = sizes
    shape = EncoderShape(layers=1, hidden=heads * head_size, heads=heads, head_size=head_size, intermediate=middle)
    masks, constants = {}, {}
    for name in CUTTABLE:
        width = shape.width(name)
        masks[name] = np.array(data.draw(st.lists(st.booleans(), min_size=width, max_size=width)))
        constants[name] = np.array(
            data.draw(st.lists(st.sampled_from([0.0, -3.0, 0.5, 2.0, 7.0]), min_size=width, max_size=width))
        )
    folded = compare(shape, masks, constants, data.draw(st.integers(0, 1000)))
    query, key = (masks[name].reshape(heads, head_size) for name in ("query", "key"))
    assert folded.stored.widths.pairs == tuple((query & key).sum(1).tolist())
    assert folded.stored.widths.extra == tuple(
        (~query & key & (constants["query"].reshape(heads, head_size) != 0)).any(1).astype(int).tolist()
    )


# name, cells that are cut: component -> removed neurons (None: all of them), extra rows by head
CASES: list[tuple[str, dict[str, list[int] | None], tuple[int, ...]]] = [
    ("nothing", {}, (0, 0, 0)),
    ("key cut, query kept", {"key": [0, 3]}, (0, 0, 0)),
    ("query cut, key kept", {"query": [0, 3]}, (1, 1, 0)),
    ("both cut", {"query": [0, 3], "key": [0, 3]}, (0, 0, 0)),
    ("a head of queries cut whole", {"query": [2, 3]}, (0, 1, 0)),
    ("a head of pairs cut whole", {"query": [2, 3], "key": [2, 3]}, (0, 0, 0)),
    ("a head of pairs from both sides", {"query": [2], "key": [3]}, (0, 1, 0)),
    ("a head of values cut whole", {"value": [4, 5]}, (0, 0, 0)),
    ("uneven heads", {"query": [0], "key": [1, 2], "value": [0, 1, 5]}, (1, 0, 0)),
    ("all queries", {"query": None}, (1, 1, 1)),
    ("all keys", {"key": None}, (0, 0, 0)),
    ("all values", {"value": None}, (0, 0, 0)),
    ("the feed-forward layer emptied", {"intermediate": None}, (0, 0, 0)),
    ("everything", {"query": None, "key": None, "value": None, "intermediate": None}, (0, 0, 0)),
]


@pytest.mark.parametrize(("name", "cut", "extra"), CASES, ids=[case[0] for case in CASES])
def test_each_case_of_a_cut_is_exact(name: str, cut: dict[str, list[int] | None], extra: tuple[int, ...]) -> None:
    masks, constants = full(SHAPE)
    for component, neurons in cut.items():
        masks[component][slice(None) if neurons is None else neurons] = False
    for seed in range(3):
        folded = compare(SHAPE, masks, constants, seed)
        assert folded.stored.widths.extra == extra
        assert ("key.extra" in folded.tensors) is any(extra)


def test_constants_of_zero_give_no_extra_row_and_leave_the_biases() -> None:
    masks, constants = full(SHAPE)
    for component in CUTTABLE:
        masks[component][::2] = False
        constants[component] = np.zeros(SHAPE.width(component))
    folded = compare(SHAPE, masks, constants, seed=1)
    assert folded.stored.widths.extra == (0, 0, 0)
    weights = random_layer(SHAPE, np.random.default_rng(1))
    assert folded.tensors["output.bias"].tolist() == weights["output.bias"].tolist()
    assert folded.tensors["attention_output.bias"].tolist() == weights["attention_output.bias"].tolist()


def test_the_folded_numbers_by_hand() -> None:
    shape = EncoderShape(layers=1, hidden=2, heads=1, head_size=2, intermediate=2)
    maps = {
        name: np.array([[1.0, 2.0], [3.0, 4.0]])
        for name in ("query", "key", "value", "attention_output", "intermediate", "output")
    }
    weights = {f"{n}.weight": w for n, w in maps.items()} | {f"{n}.bias": np.array([10.0, 20.0]) for n in maps}
    masks = {"query": np.array([True, False])} | {n: np.array([True, True]) for n in ("key", "value", "intermediate")}
    masks["value"] = np.array([False, True])
    masks["intermediate"] = np.array([True, False])
    folded = fold_layer(weights, masks, {n: np.array([100.0, 0.5]) for n in CUTTABLE}, shape).tensors
    assert {name: tensor.tolist() for name, tensor in folded.items()} == {
        "query.weight": [[1.0, 2.0]],
        "query.bias": [10.0],
        "key.weight": [[1.0, 2.0]],
        "key.bias": [10.0],
        "key.extra": [[1.5, 2.0]],
        "value.weight": [[3.0, 4.0]],
        "value.bias": [20.0],
        "attention_output.weight": [[2.0], [4.0]],
        "attention_output.bias": [110.0, 320.0],
        "intermediate.weight": [[1.0, 2.0]],
        "intermediate.bias": [10.0],
        "output.weight": [[1.0], [3.0]],
        "output.bias": [11.0, 22.0],
    }


def test_the_original_weights_are_left_as_they_are() -> None:
    weights = random_layer(SHAPE, np.random.default_rng(0))
    before = {name: value.copy() for name, value in weights.items()}
    masks, constants = full(SHAPE)
    masks["intermediate"][0] = masks["value"][0] = masks["query"][0] = False
    tensors = fold_layer(weights, masks, constants, SHAPE).tensors
    for tensor in tensors.values():
        tensor += 1.0
    assert all(np.array_equal(weights[name], before[name]) for name in before)
