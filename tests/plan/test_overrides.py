"""Manual overrides: one for each neuron, the last one counts."""

from __future__ import annotations

import pytest
from tiny import memory_analysis

from obce_core.errors import PlanError
from obce_core.plan import ManualOverride, PruneSpec, parse_prune_spec, prune_spec_document, resolve
from obce_core.plan.spec import NeuronOverride, choices, clear_override, override_of, set_override


def test_an_override_is_set_replaced_and_removed() -> None:
    start = PruneSpec()
    kept = set_override(start, "keep", 3, "value", 7, "names")
    assert kept.keep == (ManualOverride(layer=3, component="value", neurons=(7,), reason="names"),)
    dropped = set_override(kept, "drop", 3, "value", 7, "noise")
    assert dropped.keep == () and dropped.drop == (
        ManualOverride(layer=3, component="value", neurons=(7,), reason="noise"),
    )
    assert clear_override(dropped, 3, "value", 7) == start
    assert clear_override(start, 3, "value", 7) == start


def test_neurons_of_a_cell_with_one_reason_share_an_entry_and_others_do_not() -> None:
    prune_spec = PruneSpec()
    for neuron, reason in ((9, "a"), (4, "a"), (5, "b")):
        prune_spec = set_override(prune_spec, "keep", 2, "query", neuron, reason)
    assert [(hand.neurons, hand.reason) for hand in prune_spec.keep] == [((4, 9), "a"), ((5,), "b")]
    again = set_override(prune_spec, "keep", 2, "query", 4, "b")
    assert [(hand.neurons, hand.reason) for hand in again.keep] == [((9,), "a"), ((4, 5), "b")]


def test_overrides_are_listed_in_order() -> None:
    prune_spec = set_override(PruneSpec(), "drop", 1, "key", 2, "x")
    prune_spec = set_override(prune_spec, "keep", 4, "key", 1)
    prune_spec = set_override(prune_spec, "keep", 2, "key", 8)
    assert [(c.side, c.layer, c.neuron, c.reason) for c in choices(prune_spec)] == [
        ("keep", 2, 8, ""),
        ("keep", 4, 1, ""),
        ("drop", 1, 2, "x"),
    ]
    assert override_of(prune_spec, 1, "key", 2) == NeuronOverride(
        side="drop", layer=1, component="key", neuron=2, reason="x"
    )
    assert override_of(prune_spec, 1, "key", 3) is None


def test_an_override_is_saved_in_the_file_and_changes_the_plan() -> None:
    analysis = memory_analysis(2, 12, 2, 20)
    prune_spec = set_override(PruneSpec().with_cells({(2, "value"): 50}), "drop", 1, "value", 3, "a reason")
    assert parse_prune_spec(prune_spec_document(prune_spec)) == prune_spec
    plan = resolve(analysis, prune_spec)
    assert plan.cut(1, "value") == 1 and plan.cut(2, "value") == 6


@pytest.mark.parametrize(("layer", "component", "neuron"), [(0, "value", 1), (1, "output", 1), (1, "value", -1)])
def test_an_invalid_neuron_is_refused(layer: int, component: str, neuron: int) -> None:
    with pytest.raises(PlanError):
        set_override(PruneSpec(), "keep", layer, component, neuron)
