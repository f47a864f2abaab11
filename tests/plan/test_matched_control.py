"""Matched controls of a plan: different neurons, tensors of exactly the same shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny

from obce_core.components import CUTTABLE
from obce_core.errors import PlanError
from obce_core.plan.create import make_plan
from obce_core.plan.matched_control import same_shape, select_neurons
from obce_core.plan.size import plan_widths


@pytest.fixture(scope="module")
def analysis():
    return tiny.memory_analysis(4, 48, 6, 96)


def slow_choice(query, key, by_query, by_key):
    """The rule in the words of its definition, one head, dimension by dimension."""
    size = len(query)
    rank = lambda scores, i: sum(scores[j] < scores[i] or (scores[j] == scores[i] and j > i) for j in range(size))  # noqa: E731
    total = [rank(by_query, i) + rank(by_key, i) for i in range(size)]
    counts = {
        "both": sum(query & key),
        "neither": sum(~query & ~key),
        "query": sum(query & ~key),
    }
    order = sorted(range(size), key=lambda i: (-total[i], i))
    both = order[: counts["both"]]
    middle = order[counts["both"] : size - counts["neither"]]
    middle.sort(key=lambda i: (-(rank(by_query, i) - rank(by_key, i)), i))
    alone = middle[: counts["query"]]
    return set(both) | set(alone), set(both) | (set(middle) - set(alone))


@pytest.mark.parametrize("seed", range(12))
def test_a_head_keeps_the_neurons_of_the_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heads, size = 3, 8
    draw = lambda: rng.integers(0, 5, heads * size).astype(float)  # noqa: E731  (few values: many ties)
    masks = {name: rng.random(heads * size) < 0.6 for name in CUTTABLE}
    scores = {name: draw() for name in CUTTABLE}
    selection = select_neurons(masks, scores, heads)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        query, key = slow_choice(masks["query"][part], masks["key"][part], scores["query"][part], scores["key"][part])
        assert set(np.flatnonzero(selection["query"][part])) == query
        assert set(np.flatnonzero(selection["key"][part])) == key
        values = sorted(range(size), key=lambda i: (-scores["value"][part][i], i))[: masks["value"][part].sum()]
        assert set(np.flatnonzero(selection["value"][part])) == set(values)
    highest = sorted(range(heads * size), key=lambda i: (-scores["intermediate"][i], i))[: masks["intermediate"].sum()]
    assert set(np.flatnonzero(selection["intermediate"])) == set(highest)


@pytest.mark.parametrize("criterion", ["random", "magnitude", "std"])
@pytest.mark.parametrize("compensation", ["mean+std", "zero", "least-squares"])
def test_a_control_stores_tensors_of_the_same_shapes(analysis, criterion: str, compensation: str) -> None:
    plan = make_plan(analysis, percentile=50, first_layer=2, compensation=compensation)
    control = same_shape(analysis, plan, criterion, seed=3)
    assert plan_widths(analysis, control) == plan_widths(analysis, plan)
    for layer in range(1, 5):
        for component in CUTTABLE:
            a, b = (one.mask(layer, component, analysis.shape) for one in (plan, control))
            assert a.sum() == b.sum()
            if layer > 1:
                assert not np.array_equal(a, b)


def test_without_the_rule_criteria_store_different_numbers_of_pairs(analysis) -> None:
    # Controls exist to avoid this: the same percentile, different shapes.
    plans = [make_plan(analysis, percentile=50, criterion=name) for name in ("r_f", "magnitude")]
    assert plan_widths(analysis, plans[0]) != plan_widths(analysis, plans[1])


def test_seeds_differ_and_are_reproducible(analysis) -> None:
    plan = make_plan(analysis, percentile=30)
    digests = [same_shape(analysis, plan, "random", seed=seed).digest for seed in (0, 1, 1)]
    assert digests[0] != digests[1] == digests[2]


def test_a_plans_own_criterion_gives_the_shape_back(analysis) -> None:
    plan = make_plan(analysis, percentile=50)
    control = same_shape(analysis, plan, "r_f")
    assert plan_widths(analysis, control) == plan_widths(analysis, plan)
    for layer, row in plan.kept.items():  # values and intermediate neurons: the same rule, per head for values
        assert np.array_equal(control.mask(layer, "intermediate", analysis.shape), row["intermediate"])


def test_a_control_goes_through_its_file(analysis, tmp_path: Path) -> None:
    from obce_core.plan.plan_file import read_plan, write_plan

    control = same_shape(analysis, make_plan(analysis, percentile=50), "random", seed=2)
    path = tmp_path / "control.json"
    write_plan(control, path)
    assert read_plan(path, analysis).digest == control.digest


def test_a_degenerate_criterion_is_refused() -> None:
    neurons = 2 * (48 * 5 + 96)
    flat = tiny.memory_analysis(2, 48, 6, 96, changes={"min": np.zeros(neurons), "max": np.zeros(neurons)})
    plan = make_plan(flat, percentile=50, first_layer=1, criterion="magnitude")
    with pytest.raises(PlanError, match="cannot be ranked by"):
        same_shape(flat, plan, "std")
