"""From a prune spec to kept neurons, on analyses in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny import memory_analysis

from obce_core.analysis.analysis import Analysis
from obce_core.components import COMPONENTS, CUTTABLE
from obce_core.criteria import random_scores
from obce_core.errors import PlanError, UnknownName
from obce_core.plan import METHODS, Compensation, ManualOverride, PruneSpec, make_plan, resolve


@pytest.fixture
def analysis() -> Analysis:
    return memory_analysis(4, 8, 2, 12)


def hand(layer: int, component: str, *neurons: int) -> ManualOverride:
    return ManualOverride(layer=layer, component=component, neurons=neurons)


def make_flat(analysis: Analysis, layer: int, component: str) -> None:
    """Let every text give the same value in a cell."""
    cell = analysis.cell(layer, component)
    cell["max"][:] = cell["min"]
    cell["r_f"][:] = 0.0


def test_every_cell_keeps_what_is_strictly_above_its_own_percentile(analysis: Analysis) -> None:
    plan = resolve(analysis, PruneSpec(cells={2: {"query": 50, "intermediate": 25}, 4: {"value": 70}}))
    assert {layer: list(row) for layer, row in plan.kept.items()} == {2: ["query", "intermediate"], 4: ["value"]}
    for layer, row in plan.kept.items():
        for component, mask in row.items():
            scores = analysis.cell(layer, component)["r_f"]
            assert (
                mask.tolist() == (scores > np.percentile(scores, plan.prune_spec.percentile(layer, component))).tolist()
            )
    assert [plan.cut(2, "query"), plan.cut(2, "intermediate"), plan.cut(4, "value"), plan.cut(3, "key")] == [4, 3, 5, 0]
    assert plan.neurons_cut == 12


@pytest.mark.parametrize("criterion", ["std", "std_all", "range", "magnitude", "total_persistence"])
def test_another_criterion_ranks_by_its_own_column(analysis: Analysis, criterion: str) -> None:
    plan = resolve(analysis, PruneSpec(criterion=criterion, cells={3: {"key": 50}}))
    scores = analysis.cell(3, "key")[criterion]
    assert plan.kept[3]["key"].tolist() == (scores > np.median(scores)).tolist()


def test_random_ranks_by_its_seed(analysis: Analysis) -> None:
    for seed in (0, 7):
        plan = resolve(analysis, PruneSpec(criterion="random", seed=seed, cells={3: {"key": 50}}))
        scores = random_scores(seed, 3, "key", 8)
        assert plan.kept[3]["key"].tolist() == (scores > np.median(scores)).tolist()


def test_manual_overrides_are_applied_after_the_percentile(analysis: Analysis) -> None:
    lowest, highest = (int(f(analysis.cell(3, "value")["r_f"])) for f in (np.argmin, np.argmax))
    plain = resolve(analysis, PruneSpec(cells={3: {"value": 50}})).kept[3]["value"]
    edited = resolve(
        analysis,
        PruneSpec(cells={3: {"value": 50}}, keep=(hand(3, "value", lowest),), drop=(hand(3, "value", highest),)),
    )
    expected = plain.copy()
    expected[lowest], expected[highest] = True, False
    assert edited.kept[3]["value"].tolist() == expected.tolist()


def test_a_manual_drop_needs_no_percentile_and_may_cut_a_degenerate_cell(analysis: Analysis) -> None:
    make_flat(analysis, 1, "query")
    plan = resolve(analysis, PruneSpec(drop=(hand(1, "query", 0, 5),)))
    assert np.flatnonzero(~plan.kept[1]["query"]).tolist() == [0, 5]
    assert plan.notes == ()


def test_a_cell_that_keeps_all_is_not_listed(analysis: Analysis) -> None:
    assert resolve(analysis, PruneSpec(keep=(hand(1, "query", 0),))).kept == {}
    assert resolve(analysis, PruneSpec()).neurons_cut == 0


def test_dropping_all_neurons_manually_is_allowed_with_a_note(analysis: Analysis) -> None:
    plan = resolve(analysis, PruneSpec(drop=(hand(3, "intermediate", *range(12)),)))
    assert plan.notes == ("Layer 3 intermediate: manual overrides drop every neuron.",)
    assert not plan.kept[3]["intermediate"].any()


# prune spec, the whole message
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"cells": {5: {"query": 50}}}, "There is no layer 5; this model has layers 1–4."),
    ({"drop": (hand(5, "query", 0),)}, "There is no layer 5; this model has layers 1–4."),
    ({"keep": (hand(3, "query", 8),)}, "Layer 3 query: neuron 8 is out of range 0–7."),
    ({"drop": (hand(3, "intermediate", 12),)}, "Layer 3 intermediate: neuron 12 is out of range 0–11."),
    ({"drop": (hand(3, "intermediate", 10**30),)}, f"Layer 3 intermediate: neuron {10**30} is out of range 0–11."),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_layer_or_neuron_that_does_not_exist_is_refused(
    analysis: Analysis, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        resolve(analysis, PruneSpec(**arguments))
    assert str(caught.value) == message


def test_a_percentile_in_a_flat_cell_is_refused_with_the_reason_unless_the_criterion_reads_something_else(
    analysis: Analysis,
) -> None:
    make_flat(analysis, 1, "query")
    assert [name for name in CUTTABLE if analysis.degenerate(1, name)] == ["query"]
    with pytest.raises(PlanError) as caught:
        resolve(analysis, PruneSpec(cells={1: {"query": 50}}))
    assert str(caught.value) == (
        "Layer 1 query cannot be cut by r_f: every text gives the same value there, so all neurons are equal. "
        "Start at a later layer (--first-layer 2), or choose another criterion."
    )
    for criterion in ("std_all", "magnitude", "random"):
        assert resolve(analysis, PruneSpec(criterion=criterion, cells={1: {"query": 50}})).neurons_cut == 4


def test_a_percentile_that_would_empty_a_cell_is_refused(analysis: Analysis) -> None:
    analysis.cell(3, "key")["r_f"][:] = 0.25
    with pytest.raises(PlanError) as caught:
        resolve(analysis, PruneSpec(cells={3: {"key": 30}}))
    assert str(caught.value) == (
        "Layer 3 key: percentile 30 would keep 0 of 8 neurons (their r_f values are tied). "
        "To cut them all, drop them with a manual override."
    )


def test_a_plan_names_its_model_and_analysis(analysis: Analysis) -> None:
    plan = resolve(analysis, PruneSpec())
    assert plan.model == {"name": "in-memory", "revision": "", "weights_sha256": "ab" * 32}
    assert plan.analysis == "0123456789abcdef"


def test_the_digest_names_the_cut_and_what_the_constants_come_from(analysis: Analysis) -> None:
    cells = {3: {"query": 50}}
    base = resolve(analysis, PruneSpec(cells=cells))
    assert base.digest == resolve(analysis, PruneSpec(cells=cells)).digest
    assert base.digest == resolve(analysis, PruneSpec(cells={3: {"query": 51}})).digest  # the same neurons
    other = memory_analysis(4, 8, 2, 12)
    other.meta["id"] = "fedcba9876543210"
    different = [
        resolve(analysis, PruneSpec(cells={3: {"query": 70}})),
        resolve(analysis, PruneSpec(cells=cells, compensation=Compensation(method="mean"))),
        resolve(analysis, PruneSpec(cells=cells, compensation=Compensation(tokens="all"))),
        resolve(other, PruneSpec(cells=cells)),
    ]
    assert len({base.digest, *(plan.digest for plan in different)}) == 5


def test_exactly_one_amount_is_accepted(analysis: Analysis) -> None:
    with pytest.raises(PlanError, match=r"^Give exactly one of --percentile, --preset, --from, .*; got none.$"):
        make_plan(analysis)
    with pytest.raises(PlanError, match=r"got --percentile and --preset.$"):
        make_plan(analysis, percentile=50, preset="paper-scaled")
    with pytest.raises(PlanError, match=r"A preset sets its own first layer; leave --first-layer out."):
        make_plan(analysis, preset="paper-scaled", first_layer=2)


def test_the_former_name_of_prune_spec_warns_and_makes_the_same_plan(analysis: Analysis) -> None:
    spec = PruneSpec(cells={3: {"query": 50}})
    with pytest.warns(DeprecationWarning, match=r"make_plan\(intent=\) is deprecated; use prune_spec=\."):
        plan = make_plan(analysis, intent=spec)
    assert plan.digest == make_plan(analysis, prune_spec=spec).digest and plan.prune_spec == spec
    with (
        pytest.warns(DeprecationWarning, match="intent="),
        pytest.raises(PlanError, match="got both prune_spec and intent"),
    ):
        make_plan(analysis, prune_spec=spec, intent=spec)


def test_a_uniform_percentile_begins_at_layer_three(analysis: Analysis) -> None:
    plan = make_plan(analysis, percentile=50)
    assert plan.prune_spec.cells == {layer: dict.fromkeys(CUTTABLE, 50.0) for layer in (3, 4)}
    assert make_plan(analysis, percentile=50, first_layer=1).prune_spec.cells.keys() == {1, 2, 3, 4}
    assert plan.prune_spec.first_layer == 3


@pytest.mark.parametrize("percentile", [0, 100, -5, 130, float("nan"), True, "50"])
def test_a_uniform_percentile_lies_between_0_and_100(analysis: Analysis, percentile: Any) -> None:
    with pytest.raises(PlanError, match="A percentile lies strictly between 0 and 100"):
        make_plan(analysis, percentile=percentile)


@pytest.mark.parametrize("first", [0, 5, -1])
def test_a_first_layer_that_does_not_exist_is_refused(analysis: Analysis, first: int) -> None:
    with pytest.raises(PlanError, match=r"first.layer is"):
        make_plan(analysis, percentile=50, first_layer=first)


def test_options_are_set_in_the_prune_spec(analysis: Analysis) -> None:
    plan = make_plan(
        analysis, percentile=50, criterion="random", seed=9, compensation="mean", compensation_tokens="all"
    )
    assert (plan.prune_spec.criterion, plan.prune_spec.seed) == ("random", 9)
    assert plan.prune_spec.compensation == Compensation(method="mean", tokens="all")
    with pytest.raises(UnknownName, match="Unknown compensation 'medain'"):
        make_plan(analysis, percentile=50, compensation="medain")
    with pytest.raises(PlanError, match="overfits"):
        make_plan(analysis, percentile=50, compensation="least-squares", compensation_tokens="cls")


@pytest.mark.parametrize("method", METHODS)
def test_the_default_tokens_are_those_of_the_method(method: str, analysis: Analysis) -> None:
    plan = make_plan(analysis, percentile=50, compensation=method)
    assert plan.prune_spec.compensation.tokens == ("all" if method == "least-squares" else "cls")


def test_the_mask_of_a_cell_that_is_not_cut_keeps_all(analysis: Analysis) -> None:
    plan = resolve(analysis, PruneSpec(cells={3: {"query": 50}}))
    assert [int(plan.mask(layer, name, analysis.shape).sum()) for layer in (2, 3) for name in COMPONENTS] == [
        8,
        8,
        8,
        8,
        12,
        8,
        4,
        8,
        8,
        8,
        12,
        8,
    ]
