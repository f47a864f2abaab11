"""Neurons added back for the hardware, against a slow twin that adds one at a time, and invariants of the result."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import memory_analysis, sample

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.errors import PlanError, UnknownName
from obce_core.plan import (
    METHODS,
    Compensation,
    Hardware,
    ManualOverride,
    Plan,
    PruneSpec,
    count,
    from_document,
    make_plan,
    parse_prune_spec,
    plan_widths,
    preset_cells,
    render,
    resolve,
    to_document,
)
from obce_core.plan.plan import _to_widen
from obce_core.plan.plan_file import parse_document
from obce_core.plan.widths import widen

SIZES = {
    12: memory_analysis(2, 36, 3, 21),
    20: memory_analysis(2, 40, 2, 45, seed=1),
}  # by head size: no multiples of 8 or 16


@cache
def ranks(analysis: Analysis, layer: int, component: str) -> list[int]:
    """Count for each neuron those of its cell that score lower."""
    scores = analysis.scores(layer, component).tolist()
    return [sum(other < score for other in scores) for score in scores]


class Twin:
    """A layer to which neurons are added back one at a time."""

    def __init__(self, analysis: Analysis, prune_spec: PruneSpec, layer: int, kept: dict[str, np.ndarray]) -> None:
        self.kept = {name: kept[name].tolist() for name in CUTTABLE}
        self.rank = {name: ranks(analysis, layer, name) for name in CUTTABLE}
        self.barred = {(hand.component, n) for hand in prune_spec.drop if hand.layer == layer for n in hand.neurons}
        constants = prune_spec.compensation.constants(analysis.cell(layer, "query"))
        self.constants = None if constants is None else constants.tolist()
        self.size, self.heads = analysis.shape.head_size, analysis.shape.heads
        self.stuck = 0

    def blocks(self, names: tuple[str, ...]) -> list[range]:
        if names == ("intermediate",):
            return [range(len(self.kept["intermediate"]))]
        return [range(head * self.size, (head + 1) * self.size) for head in range(self.heads)]

    def width(self, names: tuple[str, ...], block: range) -> int:
        if names != ("query", "key"):
            return sum(self.kept[names[0]][i] for i in block)
        query, key = ([self.kept[name][i] for i in block] for name in names)
        if self.constants is None:
            return min(sum(query), sum(key)) + (sum(key) > sum(query))
        pairs = sum(q and k for q, k in zip(query, key, strict=True))
        return pairs + any(
            self.kept["key"][i] and not self.kept["query"][i] and self.constants[i] != 0.0 for i in block
        )

    def fill(self, names: tuple[str, ...], block: range, goal: int) -> None:
        """Take the best dimension that may come back, until the goal is there; undo it all where it never is."""
        before = {name: list(self.kept[name]) for name in names}
        while self.width(names, block) < goal:
            best = None
            for i in block:
                gone = [name for name in names if not self.kept[name][i]]
                if not gone or any((name, i) in self.barred for name in gone):
                    continue
                worth = sum(self.rank[name][i] for name in names)
                if best is None or worth > best[0]:
                    best = (worth, i)
            if best is None:
                self.kept |= before
                self.stuck += 1
                return
            for name in names:
                self.kept[name][best[1]] = True

    def widen(self, hardware: Hardware) -> None:
        for names in (("query", "key"), ("value",), ("intermediate",)):
            if all(all(self.kept[name]) for name in names):
                continue
            blocks = self.blocks(names)
            if hardware.per_head and names != ("intermediate",):
                widest = max(self.width(names, block) for block in blocks)
                for block in blocks:
                    self.fill(names, block, widest)
            for block in blocks if hardware.round_to else ():
                goal = self.width(names, block)
                while goal % hardware.round_to and goal < len(block):
                    goal += 1
                self.fill(names, block, goal)


HARDWARE = [Hardware(round_to=r, per_head=p) for r in (0, 8, 16) for p in (False, True) if r or p]


@st.composite
def intents(draw: st.DrawFn, analysis: Analysis) -> PruneSpec:
    """Draw percentiles and exceptions for layer 1, of any compensation."""
    cells = draw(st.dictionaries(st.sampled_from(CUTTABLE), st.sampled_from([10, 30, 50, 70, 90])))
    overrides: dict[bool, list[ManualOverride]] = {True: [], False: []}
    for component in CUTTABLE:
        named = draw(st.lists(st.integers(0, analysis.shape.width(component) - 1), unique=True, max_size=12))
        split = draw(st.integers(0, len(named)))
        for keep, neurons in ((True, named[:split]), (False, named[split:])):
            if neurons:
                overrides[keep].append(ManualOverride(layer=1, component=component, neurons=tuple(neurons)))
    method: Any = draw(st.sampled_from(METHODS))
    return PruneSpec(
        cells={1: cells},
        keep=tuple(overrides[True]),
        drop=tuple(overrides[False]),
        compensation=Compensation(method=method),
        hardware=draw(st.sampled_from(HARDWARE)),
    )


def masks(analysis: Analysis, plan: Plan) -> dict[str, np.ndarray]:
    return {name: plan.mask(1, name, analysis.shape) for name in CUTTABLE}


@settings(max_examples=200)
@given(st.data(), st.sampled_from(sorted(SIZES)))
def test_neurons_are_added_back_as_in_the_slow_twin(data: st.DataObject, size: int) -> None:
    analysis = SIZES[size]
    prune_spec = data.draw(intents(analysis))
    plain = resolve(analysis, replace(prune_spec, hardware=Hardware()))
    found = resolve(analysis, prune_spec)
    twin = Twin(analysis, prune_spec, 1, masks(analysis, plain))
    twin.widen(prune_spec.hardware)
    assert {name: mask.tolist() for name, mask in masks(analysis, found).items()} == twin.kept
    assert len([note for note in found.notes if "cannot be reached" in note]) == twin.stuck


@given(st.data(), st.sampled_from(sorted(SIZES)))
def test_a_widened_plan_keeps_what_was_kept_and_has_the_widths_or_says_why_not(data: st.DataObject, size: int) -> None:
    analysis = SIZES[size]
    prune_spec = data.draw(intents(analysis))
    hardware = prune_spec.hardware
    plain, found = (
        masks(analysis, resolve(analysis, one)) for one in (replace(prune_spec, hardware=Hardware()), prune_spec)
    )
    for name in CUTTABLE:
        assert (found[name] >= plain[name]).all()
        gone = [n for hand in prune_spec.drop if hand.component == name for n in hand.neurons]
        assert not found[name][gone].any()
    plan = resolve(analysis, prune_spec)
    first, second = plan_widths(analysis, plan)
    assert second == plan_widths(analysis, resolve(analysis, PruneSpec()))[1]
    rows = {
        "query and key": (np.add(first.pairs, first.extra).tolist(), size, plain["query"].all() and plain["key"].all()),
        "value": (list(first.values), size, plain["value"].all()),
        "intermediate": ([first.intermediate], analysis.shape.intermediate, plain["intermediate"].all()),
    }
    for name, (widths, limit, whole) in rows.items():
        if whole or any(note.startswith(f"Layer 1 {name}") and "cannot be reached" in note for note in plan.notes):
            continue
        if hardware.per_head:
            assert len(set(widths)) == 1
        if hardware.round_to:
            assert all(width % hardware.round_to == 0 or width == limit for width in widths)


@given(st.data(), st.sampled_from(sorted(SIZES)))
def test_widening_twice_is_widening_once(data: st.DataObject, size: int) -> None:
    analysis = SIZES[size]
    prune_spec = data.draw(intents(analysis))
    once = masks(analysis, resolve(analysis, prune_spec))
    twice, _ = widen(_to_widen(analysis, prune_spec, 1, once), prune_spec.hardware)
    assert {name: mask.tolist() for name, mask in twice.items()} == {name: mask.tolist() for name, mask in once.items()}


def test_a_width_that_overrides_put_out_of_reach_gets_a_note_and_the_head_is_unchanged() -> None:
    analysis = SIZES[12]
    drop = (ManualOverride(layer=1, component="value", neurons=tuple(range(5))),)
    cells = {1: {"value": 50}}
    plain = resolve(analysis, PruneSpec(cells=cells, drop=drop))
    plan = resolve(analysis, PruneSpec(cells=cells, drop=drop, hardware=Hardware(round_to=8)))
    kept = int(plain.kept[1]["value"][:12].sum())
    assert plan.notes == (
        f"Layer 1 value, head 0: 8 rows cannot be reached (it keeps {kept}); "
        "the missing neurons are dropped by a manual override or were cut before.",
    )
    assert (plan.kept[1]["value"][:12] == plain.kept[1]["value"][:12]).all()
    assert all(width in (8, 12) for width in plan_widths(analysis, plan)[0].values[1:])


def test_cells_that_the_plan_does_not_cut_are_unchanged() -> None:
    analysis = SIZES[12]
    plan = make_plan(analysis, prune_spec=PruneSpec(cells={1: {"value": 70}}), round_to=8, per_head=True)
    assert set(plan.kept) == {1} and set(plan.kept[1]) == {"value"}


def test_adding_a_query_back_may_make_the_extra_row_unnecessary() -> None:
    analysis = memory_analysis(1, 8, 1, 8)
    drop = tuple(ManualOverride(layer=1, component=name, neurons=(0,)) for name in ("value", "intermediate"))
    plan = resolve(analysis, PruneSpec(cells={1: {"query": 12.5}}, drop=drop, hardware=Hardware(round_to=8)))
    assert plan_widths(analysis, plan)[0].pairs == (7,)  # 7 pairs and the extra row: 8 already
    tight = resolve(analysis, PruneSpec(cells={1: {"query": 30}}, hardware=Hardware(round_to=8)))
    widths = plan_widths(analysis, tight)[0]
    assert (widths.pairs, widths.extra) == ((7,), (1,))


def test_after_a_second_cut_the_limits_are_the_widths_after_the_first(tiny_cut: Path, tmp_path: Path) -> None:
    from obce_core.analysis.analyze import analyze

    again = analyze(tiny_cut, sample(8, heldout=2), batch_size=8, out=tmp_path / "again")
    plan = make_plan(again, percentile=50, criterion="std_all", first_layer=2, round_to=16, per_head=True)
    for layer in (2, 3, 4):
        for name in CUTTABLE:
            cut = ~plan.mask(layer, name, again.shape)
            assert np.isin(np.flatnonzero(cut), again.neurons(layer, name)).all()
    for layer, widths in enumerate(plan_widths(again, plan)[1:], start=2):
        assert widths.intermediate == 16
        assert widths.values == (5, 7, 7)  # all that the first cut left of heads of 8
        notes = [note for note in plan.notes if note.startswith(f"Layer {layer} value")]
        assert notes == [
            f"Layer {layer} value: the heads keep 5 to 7 rows; they cannot be made equal after an earlier cut."
        ]


def test_the_option_is_in_the_prune_spec_and_its_effect_in_the_fact(tmp_path: Path) -> None:
    analysis = SIZES[12]
    plan = make_plan(analysis, percentile=50, first_layer=1, round_to=8, per_head=True)
    document = to_document(plan)
    assert document["intent"]["hardware"] == {"round_to": 8, "per_head": True}
    for name, yaml in (("p.json", False), ("p.yaml", True)):
        text = render(plan, yaml=yaml)
        back = from_document(parse_document(text.encode(), name), analysis, name)
        assert back.prune_spec == plan.prune_spec and render(back, yaml=yaml) == text and back.digest == plan.digest
    altered = json.loads(json.dumps(document))
    del altered["intent"]["hardware"]
    with pytest.raises(PlanError, match="do not follow from the intent"):
        from_document(altered, analysis)
    assert "hardware" not in to_document(make_plan(analysis, percentile=50, first_layer=1))["intent"]
    assert plan.digest != make_plan(analysis, percentile=50, first_layer=1).digest


# hardware of a plan file, error, message
REFUSED = [
    ({"round_to": 12}, PlanError, r"^round_to is 12; allowed: 8 or 16 \(0: widths stay as they are\).$"),
    ({"round_to": "8"}, PlanError, "round_to is"),
    ({"round_to": 8.0}, PlanError, "round_to is"),
    ({"round_to": True}, PlanError, "round_to is True"),
    ({"round_to": [8]}, PlanError, "round_to is"),
    ({"per_head": 1}, PlanError, "per_head is 1; expected true or false."),
    ({"perhead": True}, UnknownName, "perhead"),
    ([8], PlanError, "hardware must be an object"),
]


@pytest.mark.parametrize(("given", "kind", "message"), REFUSED, ids=range(len(REFUSED)))
def test_invalid_options_are_refused(given: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        parse_prune_spec({"cells": {"1": {"value": 50}}, "hardware": given})


def test_the_options_act_after_presets_targets_and_files() -> None:
    analysis = memory_analysis(12, 48, 3, 40)
    by_preset = make_plan(analysis, preset="paper-bert-base", per_head=True)
    assert by_preset.prune_spec.cells == preset_cells("paper-bert-base", 12)
    assert by_preset.prune_spec.hardware == Hardware(per_head=True)
    plain = make_plan(analysis, target_encoder=0.6)
    aimed = make_plan(analysis, target_encoder=0.6, round_to=16)
    assert aimed.prune_spec.cells == plain.prune_spec.cells
    left = count(analysis, aimed).encoder_share
    assert left > 0.6
    assert aimed.notes[-1] == (
        f"--target-encoder 0.6 was met before neurons were added back for the hardware; with them {left:.3f} is left."
    )
    rounded = replace(plain.prune_spec, hardware=Hardware(round_to=8))
    assert make_plan(analysis, prune_spec=rounded).prune_spec.hardware == Hardware(round_to=8)
    assert make_plan(analysis, prune_spec=rounded, per_head=True).prune_spec.hardware == Hardware(
        round_to=8, per_head=True
    )
    assert make_plan(analysis, prune_spec=rounded, round_to=16).prune_spec.hardware == Hardware(round_to=16)
