"""The paper's Tables 2 and 3, typed again from DESIGN section 2."""

from __future__ import annotations

import math

import pytest
from tiny import memory_analysis

from obce_core.analysis.analysis import Analysis
from obce_core.errors import PlanError, UnknownName
from obce_core.plan import PRESETS, Compensation, PruneSpec, make_plan, preset, preset_cells, uniform
from obce_core.plan.plan import without_equal

# layer -> (query and key, value, intermediate); 0 is not cut
TABLE_2 = {
    1: (0, 0, 0),
    2: (0, 0, 0),
    3: (30, 50, 30),
    4: (30, 30, 30),
    5: (70, 70, 50),
    6: (70, 70, 50),
    7: (70, 70, 50),
    8: (50, 70, 50),
    9: (50, 70, 50),
    10: (50, 70, 30),
    11: (30, 50, 30),
    12: (30, 50, 30),
}
TABLE_3 = {
    1: (0, 0, 0),
    2: (0, 0, 0),
    3: (70, 70, 30),
    4: (50, 50, 30),
    5: (50, 70, 50),
    6: (50, 70, 50),
    7: (50, 70, 50),
    8: (50, 70, 30),
    9: (50, 50, 30),
    10: (50, 50, 30),
    11: (30, 50, 30),
    12: (30, 50, 30),
    13: (70, 70, 30),
    14: (30, 50, 30),
    15: (30, 50, 30),
    16: (30, 50, 30),
    17: (30, 50, 50),
    18: (50, 70, 30),
    19: (70, 70, 50),
    20: (70, 70, 50),
    21: (70, 70, 50),
    22: (70, 70, 50),
    23: (70, 70, 50),
    24: (70, 70, 50),
}
# paper-scaled to 6 layers: layer l takes paper layer 2 l
SCALED_6 = {1: (0, 0, 0), 2: (30, 30, 30), 3: (70, 70, 50), 4: (50, 70, 50), 5: (50, 70, 30), 6: (30, 50, 30)}


def as_cells(table: dict[int, tuple[int, int, int]]) -> dict[int, dict[str, float]]:
    rows = {layer: {"query": qk, "key": qk, "value": v, "intermediate": m} for layer, (qk, v, m) in table.items()}
    cleaned = {layer: {name: float(p) for name, p in row.items() if p} for layer, row in rows.items()}
    return {layer: row for layer, row in cleaned.items() if row}


@pytest.mark.parametrize(
    ("name", "layers", "table"),
    [
        ("paper-bert-base", 12, TABLE_2),
        ("paper-bert-large", 24, TABLE_3),
        ("paper-scaled", 12, TABLE_2),
        ("paper-scaled", 6, SCALED_6),
    ],
)
def test_a_preset_is_the_papers_table(name: str, layers: int, table: dict[int, tuple[int, int, int]]) -> None:
    assert preset_cells(name, layers) == as_cells(table)


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 7, 8, 24])
def test_a_scaled_layer_takes_the_row_of_its_place_in_twelve(layers: int) -> None:
    expected = as_cells({layer: TABLE_2[math.ceil(12 * layer / layers)] for layer in range(1, layers + 1)})
    assert preset_cells("paper-scaled", layers) == expected


@pytest.mark.parametrize(
    ("name", "layers", "needs"), [("paper-bert-base", 6, 12), ("paper-bert-base", 24, 12), ("paper-bert-large", 12, 24)]
)
def test_a_table_for_another_number_of_layers_is_refused_with_a_hint(name: str, layers: int, needs: int) -> None:
    with pytest.raises(PlanError) as caught:
        preset_cells(name, layers)
    assert (
        str(caught.value)
        == f"{name} is for {needs} layers; this model has {layers}. Use --preset paper-scaled, or --percentile."
    )


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(
        UnknownName, match="Unknown preset 'paper'; known: paper-bert-base, paper-bert-large, paper-scaled"
    ):
        preset_cells("paper", 12)
    assert set(PRESETS) == {"paper-bert-base", "paper-bert-large", "paper-scaled"}


def test_a_preset_skips_a_degenerate_cell_with_a_note() -> None:
    analysis = memory_analysis(6, 8, 2, 12)
    for component in ("query", "key"):
        cell = analysis.cell(2, component)
        cell["max"][:] = cell["min"]
    plan = make_plan(analysis, preset="paper-scaled")
    expected = as_cells(SCALED_6)
    expected[2] = {"value": 30.0, "intermediate": 30.0}
    assert plan.prune_spec.cells == expected
    assert [note for note in plan.notes if "is not cut" in note] == [
        "Layer 2 query is not cut: every text gives the same value there.",
        "Layer 2 key is not cut: every text gives the same value there.",
    ]
    assert make_plan(analysis, preset="paper-scaled", criterion="magnitude").prune_spec.cells == as_cells(SCALED_6)


def test_a_preset_skips_a_cell_that_it_would_empty_with_a_note() -> None:
    analysis = memory_analysis(6, 8, 2, 12)
    analysis.cell(3, "value")["r_f"][3:] = 2.0  # five of eight tied at the top: P70 is their value
    plan = make_plan(analysis, preset="paper-scaled")
    expected = as_cells(SCALED_6)
    del expected[3]["value"]
    assert plan.prune_spec.cells == expected
    assert [note for note in plan.notes if "is not cut" in note] == [
        "Layer 3 value is not cut: P70 would keep 0 of 8 neurons."
    ]
    assert make_plan(analysis, preset="paper-scaled", criterion="std").prune_spec.cells == as_cells(SCALED_6)


def test_the_preset_for_large_has_a_note_on_layer_13() -> None:
    analysis = memory_analysis(24, 8, 2, 8)
    prune_spec, notes = preset("paper-bert-large", analysis, PruneSpec())
    assert prune_spec.percentile(13, "query") == prune_spec.percentile(13, "key") == 70.0
    assert notes == ("Table 3 lists layer 13 of query and key under both P30 and P70; this preset uses P70.",)


def test_a_preset_keeps_criterion_seed_and_compensation() -> None:
    base = PruneSpec(criterion="std_all", seed=4, compensation=Compensation(method="zero"))
    prune_spec, _ = preset("paper-scaled", memory_analysis(6, 8, 2, 8), base)
    assert (prune_spec.criterion, prune_spec.seed, prune_spec.compensation, prune_spec.first_layer) == (
        "std_all",
        4,
        base.compensation,
        2,
    )
    assert (prune_spec.keep, prune_spec.drop) == ((), ())


def test_uniform_covers_every_layer_from_the_first_on() -> None:
    assert uniform(30, 4, PruneSpec(first_layer=2)).cells == {
        layer: dict.fromkeys(("query", "key", "value", "intermediate"), 30.0) for layer in (2, 3, 4)
    }


def test_a_cell_that_an_earlier_cut_emptied_gets_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    source = memory_analysis(12, 24, 3, 40)
    monkeypatch.setattr(
        Analysis,
        "degenerate",
        lambda self, layer, component, name="r_f": (layer, component) in ((3, "value"), (4, "key")),
    )
    monkeypatch.setattr(
        Analysis, "width", lambda self, layer, component: 0 if (layer, component) == (3, "value") else 24
    )
    _, notes = preset("paper-bert-base", source, PruneSpec())
    messages = {
        "Layer 3 value has no neurons left to cut: an earlier cut removed them all.",
        "Layer 4 key is not cut: every text gives the same value there.",
    }
    assert messages <= set(notes)
    assert set(without_equal(source, PruneSpec(cells={3: {"value": 30}, 4: {"key": 30}}))[1]) == messages
