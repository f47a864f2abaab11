"""The difference of two plans against sets of indices, next cuts, and the parts of a prune spec."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import memory_analysis

from obce_core.components import CUTTABLE
from obce_core.plan import Compensation, Hardware, ManualOverride, PruneSpec, count, resolve, uniform
from obce_core.plan.diff import plan_diff
from obce_core.plan.next_cuts import STEPS, cheapest, next_cuts
from obce_core.plan.plan import alone, of_layer, only, without_equal

ANALYSIS = memory_analysis(3, 24, 3, 40)
SHAPE = ANALYSIS.shape


def kept_set(plan: object, layer: int, component: str) -> set[int]:
    return set(np.flatnonzero(plan.mask(layer, component, SHAPE)).tolist())


def test_cells_that_differ_are_listed_with_what_each_cuts() -> None:
    one = resolve(ANALYSIS, PruneSpec().with_cells({(1, "value"): 30, (2, "key"): 50, (3, "query"): 50}))
    two = resolve(
        ANALYSIS,
        replace(
            PruneSpec().with_cells({(1, "value"): 30, (2, "key"): 70}),
            drop=(ManualOverride(layer=3, component="intermediate", neurons=(2,)),),
        ),
    )
    differences = plan_diff(ANALYSIS, one, two)
    assert [(cell.layer, cell.component) for cell in differences] == [(2, "key"), (3, "query"), (3, "intermediate")]
    for cell in differences:
        a, b = kept_set(one, cell.layer, cell.component), kept_set(two, cell.layer, cell.component)
        assert cell.kept == (len(a), len(b)) and cell.neurons == SHAPE.width(cell.component)
        assert set(cell.only_first_cuts.tolist()) == b - a and set(cell.only_second_cuts.tolist()) == a - b
    assert [cell.percentiles for cell in differences] == [(50, 70), (50, 0), (0, 0)]
    assert plan_diff(ANALYSIS, one, one) == []


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize(
    "compensation", [Compensation(), Compensation(method="zero"), Compensation(method="least-squares")]
)
@pytest.mark.parametrize("hardware", [Hardware(), Hardware(round_to=8)])
def test_a_next_cut_saves_the_difference_of_both_counted_plans(
    linked: bool, compensation: Compensation, hardware: Hardware
) -> None:
    prune_spec = replace(
        uniform(30, 3, PruneSpec(first_layer=2, compensation=compensation)).with_cells(
            {(3, "query"): 60, (3, "value"): 90}
        ),
        keep=(ManualOverride(layer=2, component="value", neurons=(0, 1)),),
        hardware=hardware,
    )
    before = count(ANALYSIS, resolve(ANALYSIS, prune_spec)).parameters_left
    cuts = next_cuts(ANALYSIS, prune_spec, linked=linked)
    differences = {}
    for cut in cuts:
        after = count(ANALYSIS, resolve(ANALYSIS, prune_spec.with_cells(cut.changes))).parameters_left
        assert cut.saved == before - after > 0
        assert cut.after in STEPS and cut.before < cut.after
        differences[cut.layer, cut.components] = (cut.before, cut.after)
    assert (3, ("value",)) not in differences, "P90 is the last step"
    if not hardware.is_set:
        assert differences[1, ("intermediate",)] == (0, 30) and differences[2, ("intermediate",)] == (30, 50)
    if linked and not hardware.is_set:
        both = next(cut for cut in cuts if cut.layer == 3 and cut.components == ("query", "key"))
        assert (both.before, both.after, dict(both.changes)) == (30, 50, {(3, "query"): 60, (3, "key"): 50})
    for cut in cuts:  # the plans of the layer are those of the whole plan
        whole = resolve(ANALYSIS, prune_spec.with_cells(cut.changes))
        for name in CUTTABLE:
            assert np.array_equal(cut.then.mask(cut.layer, name, SHAPE), whole.mask(cut.layer, name, SHAPE))


def test_all_equal_cells_have_no_next_cut() -> None:
    flat = memory_analysis(2, 12, 2, 20)
    columns = dict(flat.columns)
    columns["min"], columns["max"] = columns["min"].copy(), columns["max"].copy()
    for component in ("query", "key", "value"):
        place = flat._place(1, component)
        columns["min"][place] = columns["max"][place] = 1.0
    equal = replace(flat, columns=columns)
    assert equal.degenerate(1, "query")
    assert {cut.components for cut in next_cuts(equal, PruneSpec(), linked=True) if cut.layer == 1} == {
        ("intermediate",)
    }
    prune_spec, notes = without_equal(equal, PruneSpec(cells={1: {"query": 30, "intermediate": 50}, 2: {"query": 30}}))
    assert (
        prune_spec.cells == {1: {"intermediate": 50}, 2: {"query": 30}}
        and len(notes) == 1
        and "Layer 1 query" in notes[0]
    )


def test_the_cheapest_cut_loses_least_per_parameter_and_unmeasured_cuts_come_last() -> None:
    cuts = next_cuts(ANALYSIS, PruneSpec(), linked=False)
    assert len(cuts) >= 4
    lost: list[float | None] = [None] * len(cuts)
    lost[0], lost[1], lost[2] = 0.5 * cuts[0].saved, 0.2 * cuts[1].saved, -0.1
    assert cheapest(cuts, lost)[:3] == [2, 1, 0]
    rest = cheapest(cuts, lost)[3:]
    assert rest == sorted(rest)


def test_parts_of_a_prune_spec_and_a_plan() -> None:
    prune_spec = replace(
        uniform(50, 3, PruneSpec(first_layer=1)), keep=(ManualOverride(layer=2, component="key", neurons=(1,)),)
    )
    assert (
        set(of_layer(prune_spec, 2).cells) == {2}
        and of_layer(prune_spec, 2).keep == prune_spec.keep
        and of_layer(prune_spec, 1).keep == ()
    )
    assert alone(prune_spec, [(2, "key")]).cells == {2: {"key": 50}} and alone(prune_spec, [(2, "value")]).keep == ()
    plan = resolve(ANALYSIS, prune_spec)
    assert {layer: sorted(row) for layer, row in only(plan, [(2, "key"), (3, "value")]).kept.items()} == {
        2: ["key"],
        3: ["value"],
    }
