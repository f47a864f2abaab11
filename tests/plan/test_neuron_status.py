"""The status of a neuron under a plan, against the plan's mask and its manual overrides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obce_core.errors import AnalysisError
from obce_core.plan import PruneSpec, resolve
from obce_core.plan.diff import neuron_status
from obce_core.plan.spec import Hardware, set_override


@pytest.mark.parametrize("criterion", ["r_f", "std"])
def test_the_threshold_is_what_cuts(tiny_analysis: Any, criterion: str) -> None:
    plan = resolve(tiny_analysis, PruneSpec(criterion=criterion, cells={3: {"value": 50}}))
    mask, scores = plan.mask(3, "value", tiny_analysis.shape), tiny_analysis.scores(3, "value", criterion)
    for neuron in range(24):
        status = neuron_status(tiny_analysis, plan, 3, "value", neuron)
        assert status.state == ("kept" if mask[neuron] else "cut")
        assert (scores[neuron] > status.threshold) == mask[neuron]
        assert (status.percentile, status.criterion) == (50, criterion)
    untouched = neuron_status(tiny_analysis, plan, 3, "query", 0)
    assert (untouched.state, untouched.percentile, untouched.threshold) == ("kept", 0, None)
    assert neuron_status(tiny_analysis, plan, 3, "output", 0).state == "locked"


def test_a_manual_override_is_reported_with_its_reason(tiny_analysis: Any) -> None:
    low = int(np.argmin(tiny_analysis.scores(3, "value")))
    high = int(np.argmax(tiny_analysis.scores(3, "value")))
    prune_spec = set_override(PruneSpec(cells={3: {"value": 50}}), "keep", 3, "value", low, "a topic")
    prune_spec = set_override(prune_spec, "drop", 3, "value", high, "one text")
    plan = resolve(tiny_analysis, prune_spec)
    kept, dropped = (neuron_status(tiny_analysis, plan, 3, "value", neuron) for neuron in (low, high))
    assert (kept.state, kept.reason) == ("kept by hand", "a topic")
    assert (dropped.state, dropped.reason) == ("dropped by hand", "one text")


def test_neurons_added_back_for_the_hardware_are_reported(tiny_analysis: Any) -> None:
    plain = resolve(tiny_analysis, PruneSpec(cells={3: {"intermediate": 50}}))
    wide = resolve(tiny_analysis, PruneSpec(cells={3: {"intermediate": 50}}, hardware=Hardware(round_to=8)))
    back = ~plain.mask(3, "intermediate", tiny_analysis.shape) & wide.mask(3, "intermediate", tiny_analysis.shape)
    assert back.any()
    for neuron in range(40):
        status = neuron_status(tiny_analysis, wide, 3, "intermediate", neuron)
        assert (status.state == "kept for the hardware") == back[neuron]


def test_an_unknown_neuron_is_refused(tiny_analysis: Any) -> None:
    with pytest.raises(AnalysisError, match="24 is out of range"):
        neuron_status(tiny_analysis, resolve(tiny_analysis, PruneSpec()), 3, "value", 24)
