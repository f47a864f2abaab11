"""What a plan saves, against a loop over neurons and the totals of the paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import count_each_side, count_layer, flops_layer
from safetensors.numpy import save_file
from tiny import memory_analysis

from obce_core.analysis.analysis import Analysis
from obce_core.architectures.stored import LayerWidths, stored_shapes
from obce_core.components import CUTTABLE
from obce_core.plan import (
    METHODS,
    Compensation,
    ManualOverride,
    Plan,
    PruneSpec,
    count,
    layer_widths,
    make_plan,
    original_widths,
    plan_widths,
    resolve,
)
from obce_core.plan.size import file_bytes

LAYERS, HIDDEN, HEADS, MIDDLE = 2, 12, 3, 10
SMALL = memory_analysis(LAYERS, HIDDEN, HEADS, MIDDLE)
# layers, hidden, heads, intermediate, cased vocabulary, total, encoder
BASE = (12, 768, 12, 3072, 108_310_272, 12 * 7_087_872)
LARGE = (24, 1024, 16, 4096, 333_579_264, 24 * 12_596_224)


@pytest.fixture(scope="module")
def papers() -> dict[str, Analysis]:
    """Make both analyses of the paper's models without any model."""
    return {
        name: memory_analysis(*row[:4], vocab=28_996, positions=512) for name, row in (("base", BASE), ("large", LARGE))
    }


def total(analysis: Analysis, plan: Plan, layer_count: Any) -> int:
    """Count a whole model, its layers by `layer_count(masks, query constants)`."""
    shape = analysis.shape
    embeddings = sum(
        int(np.prod(size))
        for name, size in analysis.meta["model"]["tensors"].items()
        if not name.startswith("encoder.")
    )
    layers = 0
    for layer in range(1, shape.layers + 1):
        masks = {name: plan.mask(layer, name, shape) for name in CUTTABLE}
        constants = plan.prune_spec.compensation.constants(analysis.cell(layer, "query"))
        layers += layer_count(masks, constants) + 4 * shape.hidden  # two LayerNorms
    return embeddings + layers


def folded(analysis: Analysis) -> Any:
    shape = analysis.shape
    return lambda m, c: count_layer(m["query"], m["key"], m["value"], m["intermediate"], c, shape.hidden, shape.heads)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw any plan of the small analysis by naming what is dropped."""
    drop = []
    for layer in (1, 2):
        for component in CUTTABLE:
            width = SMALL.shape.width(component)
            keep = draw(
                st.one_of(
                    st.just([True] * width),
                    st.lists(st.booleans(), min_size=width, max_size=width),
                    st.just([False] * width),
                )
            )
            drop.append(
                ManualOverride(
                    layer=layer, component=component, neurons=tuple(int(i) for i in np.flatnonzero(~np.array(keep)))
                )
            )
    method = draw(st.sampled_from(METHODS))
    return resolve(SMALL, PruneSpec(drop=tuple(drop), compensation=Compensation(method=method)))


@given(plans())
def test_parameters_are_those_counted_a_neuron_at_a_time(plan: Plan) -> None:
    budget = count(SMALL, plan)
    assert budget.parameters_left == total(SMALL, plan, folded(SMALL))
    assert budget.parameters - budget.parameters_left == budget.encoder - budget.encoder_left == budget.parameters_cut
    assert budget.neurons_cut == sum(
        int((~plan.mask(layer, name, SMALL.shape)).sum()) for layer in (1, 2) for name in CUTTABLE
    )
    assert budget.parameters_left <= budget.parameters


@given(plans(), st.sampled_from([1, 5, 128]))
def test_operations_are_those_counted_a_row_at_a_time(plan: Plan, length: int) -> None:
    budget = count(SMALL, plan, length=length)
    whole, left = 0, 0
    for layer in (1, 2):
        m = {name: plan.mask(layer, name, SMALL.shape) for name in CUTTABLE}
        constants = plan.prune_spec.compensation.constants(SMALL.cell(layer, "query"))
        left += flops_layer(m["query"], m["key"], m["value"], m["intermediate"], constants, HIDDEN, HEADS, length)
        every = {name: [True] * len(mask) for name, mask in m.items()}
        whole += flops_layer(
            every["query"], every["key"], every["value"], every["intermediate"], constants, HIDDEN, HEADS, length
        )
    assert (budget.flops, budget.flops_left, budget.length) == (whole, left, length)


@given(plans())
def test_widths_count_pairs_extra_rows_and_values_of_each_head(plan: Plan) -> None:
    for layer, widths in enumerate(plan_widths(SMALL, plan), start=1):
        m = {name: plan.mask(layer, name, SMALL.shape).reshape(HEADS, -1) for name in ("query", "key", "value")}
        heads = list(zip(m["query"], m["key"], strict=True))
        assert widths.values == tuple(int(v.sum()) for v in m["value"])
        if plan.prune_spec.compensation.method == "least-squares":
            assert widths.pairs == tuple(int(min(q.sum(), k.sum())) for q, k in heads)
            assert widths.extra == tuple(int(k.sum() > q.sum()) for q, k in heads)
        else:
            lonely = plan.prune_spec.compensation.method != "zero"
            assert widths.pairs == tuple(int((q & k).sum()) for q, k in heads)
            assert widths.extra == tuple(int(lonely and bool((~q & k).any())) for q, k in heads)
        assert all(pairs + extra <= 4 for pairs, extra in zip(widths.pairs, widths.extra, strict=True))


def test_no_plan_is_the_original() -> None:
    budget = count(SMALL)
    assert budget.parameters == budget.parameters_left == total(SMALL, resolve(SMALL, PruneSpec()), folded(SMALL))
    assert (budget.neurons, budget.neurons_cut, budget.encoder_share, budget.model_share) == (
        2 * (3 * 12 + 10),
        0,
        1.0,
        1.0,
    )
    assert (budget.flops, budget.bytes) == (budget.flops_left, budget.bytes_left)
    assert count(SMALL, resolve(SMALL, PruneSpec())) == budget


def test_a_constant_of_exactly_zero_needs_no_extra_row() -> None:
    masks = {name: np.ones(12, dtype=bool) for name in ("query", "key", "value")} | {
        "intermediate": np.ones(10, dtype=bool)
    }
    masks["query"] = np.array([0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1], dtype=bool)
    constants = np.array([0.0, 0.0, 3.0, 3.0, 1e-300, *[0.0] * 7])
    widths = layer_widths(masks, constants, SMALL.shape)
    assert widths == LayerWidths(pairs=(2, 3, 4), extra=(0, 1, 0), values=(4, 4, 4), intermediate=10)
    assert stored_shapes(widths, SMALL.shape)["key.extra"] == (1, 12)
    assert "key.extra" not in stored_shapes(original_widths(SMALL.shape), SMALL.shape)


@pytest.mark.parametrize(
    "tensors",
    [{}, {"a": (2, 3)}, {"b.weight": (5, 7), "a.bias": (3,), "c": (0, 4)}, {f"layer.{i}": (i, 11) for i in range(40)}],
)
def test_the_size_of_a_file_is_that_which_safetensors_writes(
    tensors: dict[str, tuple[int, ...]], tmp_path: Any
) -> None:
    path = tmp_path / "a.safetensors"
    save_file(
        {name: np.zeros(size, dtype=np.float32) for name, size in tensors.items()}, path, metadata={"format": "pt"}
    )
    assert file_bytes(tensors) == path.stat().st_size


@pytest.mark.parametrize(("name", "row"), [("base", BASE), ("large", LARGE)])
def test_the_papers_models_have_these_totals(name: str, row: tuple[int, ...], papers: dict[str, Analysis]) -> None:
    budget = count(papers[name])
    assert (budget.parameters, budget.encoder) == row[4:]
    assert budget.neurons == row[0] * (3 * row[1] + row[3])


# model, preset, parameters left by the paper's convention, shares in percent: whole model, encoder, encoder of nominal
# size
PAPER = [
    ("base", "paper-bert-base", 76_672_051, 70.79, 62.80, 48.56, 110e6),
    ("large", "paper-bert-large", 208_924_871, 62.63, 58.77, 52.25, 340e6),
]


@pytest.mark.parametrize(("name", "preset", "left", "whole", "encoder", "nominal", "size"), PAPER)
def test_the_papers_sizes_follow_from_its_tables_when_each_side_is_cut_on_its_own(
    name: str,
    preset: str,
    left: int,
    whole: float,
    encoder: float,
    nominal: float,
    size: float,
    papers: dict[str, Analysis],
) -> None:
    analysis = papers[name]
    plan = make_plan(analysis, preset=preset)
    hidden = analysis.shape.hidden
    assert total(analysis, plan, lambda masks, _: count_each_side(masks, hidden)) == left
    before = count(analysis)
    layers_left = before.encoder - (before.parameters - left)
    assert round(100 * left / before.parameters, 2) == whole
    assert round(100 * layers_left / before.encoder, 2) == encoder
    assert round(100 * layers_left / size, 2) == nominal


@pytest.mark.parametrize(("name", "preset", "left"), [row[:3] for row in PAPER])
@pytest.mark.parametrize("method", ["mean+std", "zero", "least-squares"])
def test_folding_leaves_fewer_parameters_than_the_papers_convention(
    name: str, preset: str, left: int, method: str, papers: dict[str, Analysis]
) -> None:
    plan = make_plan(papers[name], preset=preset, compensation=method)
    budget = count(papers[name], plan)
    assert budget.parameters_left == total(papers[name], plan, folded(papers[name]))
    assert budget.parameters_left < left
    assert budget.parameters_left + budget.parameters_cut == budget.parameters


def test_zero_constants_leave_fewer_parameters_than_others(papers: dict[str, Analysis]) -> None:
    by = {
        m: count(papers["base"], make_plan(papers["base"], percentile=50, compensation=m)).parameters_left
        for m in ("mean", "zero")
    }
    assert by["mean"] - by["zero"] == 10 * 12 * 768  # an extra key row in every head of layers 3 to 12
