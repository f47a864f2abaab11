"""A prune spec validates itself; an edit creates a new one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obce_core.components import CUTTABLE
from obce_core.errors import ObceError, PlanError, UnknownName
from obce_core.plan import METHODS, Compensation, ManualOverride, PruneSpec

# arguments of PruneSpec, error class, the start of the message
REFUSED: list[tuple[dict[str, Any], type[ObceError], str]] = [
    (
        {"cells": {3: {"query": 130}}},
        PlanError,
        "Layer 3 query: percentile '130' is invalid; allowed: 0 (not cut) to below 100.",
    ),
    ({"cells": {3: {"query": 100}}}, PlanError, "Layer 3 query: percentile '100' is invalid"),
    ({"cells": {3: {"query": -1}}}, PlanError, "Layer 3 query: percentile '-1' is invalid"),
    ({"cells": {3: {"query": "abc"}}}, PlanError, "Layer 3 query: percentile 'abc' is invalid"),
    ({"cells": {3: {"query": float("nan")}}}, PlanError, "Layer 3 query: percentile 'nan' is invalid"),
    ({"cells": {3: {"query": float("inf")}}}, PlanError, "Layer 3 query: percentile 'inf' is invalid"),
    ({"cells": {3: {"query": True}}}, PlanError, "Layer 3 query: percentile 'True' is invalid"),
    ({"cells": {3: {"query": None}}}, PlanError, "Layer 3 query: percentile 'None' is invalid"),
    ({"cells": {3: {"output": 50}}}, PlanError, "Layer 3 output is locked: it feeds a residual sum and cannot be cut."),
    ({"cells": {3: {"attention_output": 50}}}, PlanError, "Layer 3 attention_output is locked"),
    ({"cells": {3: {"quary": 50}}}, UnknownName, "Unknown component 'quary'; known: query, key, value,"),
    ({"cells": {0: {"query": 50}}}, PlanError, "Layer '0' is invalid; layers count from 1."),
    ({"cells": {"3": {"query": 50}}}, PlanError, "Layer '3' is invalid; layers count from 1."),
    ({"cells": {True: {"query": 50}}}, PlanError, "Layer 'True' is invalid"),
    ({"criterion": "rf"}, UnknownName, "Unknown criterion 'rf'; known: r_f,"),
    ({"seed": -1}, PlanError, "seed is -1; expected a whole number from 0 to 4294967295."),
    ({"seed": 2**32}, PlanError, "seed is 4294967296"),
    ({"seed": 1.0}, PlanError, "seed is 1.0"),
    ({"seed": True}, PlanError, "seed is True"),
    ({"first_layer": 0}, PlanError, "first_layer is 0; layers count from 1."),
    ({"first_layer": "3"}, PlanError, "first_layer is 3; layers count from 1."),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), REFUSED, ids=range(len(REFUSED)))
def test_an_invalid_prune_spec_is_refused_with_one_line(
    arguments: dict[str, Any], kind: type[ObceError], message: str
) -> None:
    with pytest.raises(ObceError) as caught:
        PruneSpec(**arguments)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


OVERRIDES: list[tuple[dict[str, Any], str]] = [
    ({"neurons": (-1,)}, "Layer 3 value: '-1' is not a neuron index (expected an integer >= 0)."),
    ({"neurons": (1.0,)}, "Layer 3 value: '1.0' is not a neuron index"),
    ({"neurons": (True,)}, "Layer 3 value: 'True' is not a neuron index"),
    ({"neurons": ("7",)}, "Layer 3 value: '7' is not a neuron index"),
    ({"neurons": ([1, 2],)}, "Layer 3 value: '[1, 2]' is not a neuron index"),
    ({"neurons": (7, 8, 7)}, "Layer 3 value: a manual override lists a neuron twice."),
    ({"reason": "x" * 501}, "Layer 3 value: a reason is text of at most 500 characters."),
    ({"reason": 5}, "Layer 3 value: a reason is text of at most 500 characters."),
    ({"component": "output"}, "Layer 3 output is locked"),
    ({"layer": 0}, "Layer '0' is invalid"),
]


@pytest.mark.parametrize(("arguments", "message"), OVERRIDES, ids=range(len(OVERRIDES)))
def test_a_manual_override_is_validated(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        ManualOverride(**{"layer": 3, "component": "value", "neurons": (7,)} | arguments)
    assert str(caught.value).startswith(message)


def test_a_neuron_in_both_overrides_is_refused() -> None:
    keep = (ManualOverride(layer=3, component="value", neurons=(1, 7)),)
    with pytest.raises(
        PlanError,
        match=r"^Layer 3 value: neuron 7 is in both manual overrides, keep and drop. Remove it from one list.$",
    ):
        PruneSpec(keep=keep, drop=(ManualOverride(layer=3, component="value", neurons=(7, 9)),))
    PruneSpec(
        keep=keep,
        drop=(
            ManualOverride(layer=3, component="key", neurons=(7,)),
            ManualOverride(layer=4, component="value", neurons=(7,)),
        ),
    )


def test_zero_means_not_cut_and_layers_are_in_order() -> None:
    prune_spec = PruneSpec(cells={5: {"value": 30}, 3: {"query": 50, "key": 0}, 4: {"query": 0}})
    assert prune_spec.cells == {3: {"query": 50.0}, 5: {"value": 30.0}}
    assert list(prune_spec.cells) == [3, 5]
    assert [prune_spec.percentile(3, name) for name in CUTTABLE] == [50.0, 0.0, 0.0, 0.0]
    assert prune_spec.percentile(9, "query") == 0.0


def test_an_edit_creates_a_new_prune_spec() -> None:
    first = PruneSpec(cells={3: {"query": 50}})
    second = first.with_cells({(3, "query"): 0, (4, "value"): 70})
    assert first.cells == {3: {"query": 50.0}}
    assert second.cells == {4: {"value": 70.0}}
    with pytest.raises(AttributeError):
        first.seed = 3  # frozen: that is the test


def test_the_neurons_of_an_override_are_sorted() -> None:
    assert ManualOverride(layer=1, component="key", neurons=(9, 2, 5)).neurons == (2, 5, 9)


# method, tokens, the constants of two neurons
CONSTANTS = [
    ("mean+std", "cls", [1.5, -1.0]),
    ("mean", "cls", [1.0, -3.0]),
    ("zero", "cls", [0.0, 0.0]),
    ("mean+std", "all", [30.0, -5.0]),
    ("mean", "all", [10.0, -5.0]),
    ("zero", "all", [0.0, 0.0]),
]


@pytest.mark.parametrize(("method", "tokens", "constants"), CONSTANTS)
def test_the_constant_of_a_removed_neuron(method: Any, tokens: Any, constants: list[float]) -> None:
    columns = {
        "mean_cls": np.array([1.0, -3.0]),
        "std_cls": np.array([0.5, 2.0]),
        "mean_all": np.array([10.0, -5.0]),
        "std_all": np.array([20.0, 0.0]),
    }
    compensation = Compensation(method=method, tokens=tokens).constants(columns)
    assert compensation.tolist() == constants
    compensation += 1.0
    assert columns["mean_cls"].tolist() == [1.0, -3.0]


def test_an_unknown_compensation_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownName, match=r"Unknown compensation 'median'; known: mean\+std, mean, zero, least-squares"
    ):
        Compensation(method="median")  # wrong on purpose
    with pytest.raises(UnknownName, match="Unknown compensation tokens 'some'; known: cls, all"):
        Compensation(tokens="some")  # wrong on purpose


def test_least_squares_takes_all_tokens_and_has_no_constants() -> None:
    compensation = Compensation(method="least-squares")
    assert (compensation.tokens, compensation.predicts) == ("all", True)
    assert compensation == Compensation(method="least-squares", tokens="all")
    assert compensation.constants({"mean_all": np.ones(3), "std_all": np.ones(3)}) is None
    for method in METHODS[:-1]:
        assert (Compensation(method=method).tokens, Compensation(method=method).predicts) == ("cls", False)


def test_least_squares_over_cls_is_refused_with_the_reason() -> None:
    with pytest.raises(PlanError) as caught:
        Compensation(method="least-squares", tokens="cls")
    assert str(caught.value) == (
        "least-squares over [CLS] alone overfits: it would have one row per text (the paper's 150) "
        "for hundreds of neurons. "
        "Leave --compensation-tokens out, or set it to all."
    )
