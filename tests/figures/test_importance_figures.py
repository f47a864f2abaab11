"""The map, its lines, two maps in one, and one cell: numbers, marks and places."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import memory_analysis

from obce_core.analysis.compare import CellComparison
from obce_core.analysis.ranking import NEAR_RULE
from obce_core.components import COMPONENTS
from obce_core.criteria.rank import standing
from obce_core.figures.difference_map import difference_map
from obce_core.figures.lines import apart, lines
from obce_core.figures.neuron_table import neuron_table
from obce_core.figures.units import title
from obce_core.figures.widgets.cell_map.data import cell_map, extremes, spread
from obce_core.figures.widgets.cell_map.export import map_figure
from obce_core.figures.widgets.cell_view.data import cell_view, cell_view_assets, histogram
from obce_core.figures.widgets.cell_view.export import both, distribution, rank_curve, strip
from obce_core.formatting import duration


def cells(data: Any) -> dict[tuple[int, str], Any]:
    return {(cell["layer"], cell["component"]): cell for cell in data["cells"]}


@pytest.mark.parametrize("aggregate", ["median", "mean", "IQR", "share under"])
@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_map_colours_by_its_numbers(tiny_analysis: Any, aggregate: str, scale: str) -> None:
    below = float(np.median(tiny_analysis.columns["r_f"]))
    data = cell_map(tiny_analysis, "r_f", aggregate, below=below, scale=scale)
    found = cells(data)
    ranked = sorted((cell for cell in data["cells"] if not cell.get("equal")), key=lambda cell: cell["value"])
    assert [cell["at"] for cell in ranked] == sorted(cell["at"] for cell in ranked)
    assert (ranked[-1]["at"], found[1, "query"]["equal"]) == (1.0, "all equal")
    scores = tiny_analysis.scores(3, "key")
    wanted = {"median": np.median(scores), "mean": scores.mean(), "share under": (scores < below).mean()}
    if aggregate in wanted:
        assert found[3, "key"]["value"] == pytest.approx(wanted[aggregate])
    assert json.dumps(data, allow_nan=False)


def test_edge_lengths_are_twice_radii_and_say_so(tiny_analysis: Any) -> None:
    for name, by in (("r_f", 2), ("total_persistence", 4), ("std", 1)):
        radius, edge = (cells(cell_map(tiny_analysis, name, edge_length=edge)) for edge in (False, True))
        assert edge[3, "value"]["value"] == pytest.approx(by * radius[3, "value"]["value"])
        assert ("edge length" in edge[3, "value"]["label"]) is (by > 1)
        assert edge[3, "value"]["at"] == pytest.approx(radius[3, "value"]["at"])


def test_a_cell_near_zero_is_marked_and_said() -> None:
    analysis = memory_analysis(2, 8, 2, 20)
    r_f = analysis.columns["r_f"]
    r_f[: 8 // 2] = 1e-9  # half of layer 1's queries
    found = cells(cell_map(analysis))
    assert found[1, "query"]["near"] and "near zero" in found[1, "query"]["label"]
    assert not found[2, "query"]["near"]
    assert found[1, "query"]["near_share"] == 0.5 and "50 % of its values near zero" in found[1, "query"]["label"]
    assert cell_map(analysis)["legend"]["near"] == f"at least 20 % of its values near zero: {NEAR_RULE}"
    assert cell_map(memory_analysis(2, 8, 2, 20))["legend"]["near"] == ""


def test_the_signature_changes_with_what_is_drawn(tiny_analysis: Any) -> None:
    drawn = [
        cell_map(tiny_analysis)["signature"],
        cell_map(tiny_analysis, scale="linear")["signature"],
        cell_map(tiny_analysis, "std")["signature"],
        cell_map(tiny_analysis, edge_length=True)["signature"],
    ]
    assert len(set(drawn)) == 4 and drawn[0] == cell_map(tiny_analysis)["signature"]


def test_extremes_are_of_cells_that_can_be_cut(tiny_analysis: Any) -> None:
    data = cell_map(tiny_analysis)
    low, high = extremes(data) or ({}, {})
    free = [cell["value"] for cell in data["cells"] if not cell["locked"] and not cell.get("equal")]
    assert (low["value"], high["value"]) == (min(free), max(free))
    assert extremes({"cells": [{"locked": True, "value": 1.0}, {"locked": False, "equal": "all equal"}]}) is None


def test_the_ends_of_the_colours() -> None:
    assert spread([0.0, 2.0, 5.0], "log") == (2.0, 5.0) and spread([1.0, 2.0], "linear") == (0.0, 2.0)
    assert spread([], "log") == (1.0, 1.0) and spread([0.0], "log") == (1.0, 1.0)


@pytest.mark.parametrize("layers", [4, 24])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_maps_picture_has_its_numbers(layers: int, mode: str) -> None:
    data = cell_map(memory_analysis(layers, 8, 2, 20))
    figure = map_figure(data, heading="A", mode=mode)
    texts = [note.text for note in figure.layout.annotations]
    assert all(cell["text"] in texts for cell in data["cells"])
    assert len(figure.layout.shapes) == layers * 6
    assert all("hill" in cell for cell in data["cells"]) is (layers <= 12)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_lines_go_through_the_maps_numbers(tiny_analysis: Any, scale: str) -> None:
    data = cell_map(tiny_analysis, scale=scale)
    figure = lines(data, scale=scale, selected=(3, "value"))
    assert [trace.line.dash for trace in figure.data] == ["solid", "solid", "solid", "dot", "solid", "dot"]
    by_name = {trace.name: trace for trace in figure.data}
    value = by_name["Value"].y[2]
    assert (10**value if scale == "log" else value) == pytest.approx(cells(data)[3, "value"]["value"])
    assert np.isnan(by_name["Query"].y[0]) and not np.isnan(by_name["Output"].y[0])
    assert [list(row[:2]) for row in by_name["Key"].customdata] == [[layer, "key"] for layer in range(1, 5)]
    low, high = figure.layout.yaxis.range
    assert all(low < y < high for trace in figure.data for y in trace.y if not np.isnan(y))
    named = [note for note in figure.layout.annotations if note.xref == "paper"]
    assert len(named) == 6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_names_keep_their_distance_and_their_order(places: list[float]) -> None:
    found = apart(places, 0.05)
    order = np.argsort(places, kind="stable")
    moved = np.array(found)[order]
    assert (np.diff(moved) >= 0.05 - 1e-9).all()
    if len(places) == 1 or np.diff(np.sort(places)).min(initial=1) >= 0.05:
        assert found == pytest.approx(places)
    assert np.mean(found) == pytest.approx(np.mean(places))


def rows(*pairs: tuple[float, float] | str) -> list[CellComparison]:
    made = []
    for component, pair in zip(COMPONENTS, pairs, strict=False):
        if isinstance(pair, str):
            made.append(CellComparison(layer=1, component=component, reason=pair))
        else:
            first, second = pair
            made.append(
                CellComparison(
                    layer=1, component=component, first=first, second=second, spearman=-0.2, jaccard=0.5, chance=0.33
                )
            )
    return made


def test_differences_are_signed_and_tinted_by_ratio() -> None:
    data = difference_map(rows((1.0, 2.0), (2.0, 1.0), (100.0, 110.0), "all equal", (3.0, 3.0), (0.0, 1.0)))
    found = cells(data)
    assert [found[1, name].get("text") for name in ("query", "key", "value", "intermediate", "output")] == [
        "+1.0",
        "−1.0",
        "+10",
        "0",
        "+1.0",
    ]
    assert found[1, "query"]["at"] == -found[1, "key"]["at"] == 1.0 and 0 < found[1, "value"]["at"] < 0.2
    assert found[1, "attention_output"]["equal"] == "all equal"
    assert found[1, "intermediate"]["light"] == "#FFFFFF" and found[1, "output"]["at"] == 1.0
    linear = cells(difference_map(rows((1.0, 2.0), (2.0, 1.0), (100.0, 110.0)), scale="linear"))
    assert linear[1, "value"]["at"] == 1.0 and linear[1, "query"]["at"] == pytest.approx(0.1)
    edge = cells(difference_map(rows((1.0, 2.0)), by=2.0))
    assert edge[1, "query"]["text"] == "+2.0"


def test_agreement_is_shown_from_0_to_1() -> None:
    found = cells(difference_map(rows((1.0, 2.0)), number="spearman"))
    assert (found[1, "query"]["text"], found[1, "query"]["at"]) == ("−0.20", 0.0)
    data = difference_map(rows((1.0, 2.0), "an earlier cut left other neurons"), number="jaccard")
    assert cells(data)[1, "query"]["text"] == "0.50" and "chance gives 0.33" in cells(data)[1, "query"]["label"]
    assert cells(data)[1, "key"]["equal"] == "not comparable"
    assert json.dumps(data, allow_nan=False)
    map_figure(data)


@given(st.lists(st.floats(1e-6, 10), min_size=3, max_size=60, unique=True))
def test_the_histogram_counts_every_neuron_once(values: list[float]) -> None:
    scores = np.array([0.0, *values])
    kept = scores > np.median(scores)
    edges, bars = histogram(scores, kept)
    if not bars:
        return
    assert len(edges) == 37 and sum(map(sum, bars)) == len(values)
    assert [sum(bar[i] for bar in bars) for i in (0, 1)] == [int((~kept & (scores > 0)).sum()), int(kept.sum())]


@pytest.mark.parametrize("component", ["value", "intermediate"])
def test_one_cell_is_sent_and_no_more(tiny_analysis: Any, component: str) -> None:
    scores, neurons = tiny_analysis.scores(3, component), tiny_analysis.neurons(3, component)
    kept = scores > np.percentile(scores, 40)
    data = cell_view(scores, kept, neurons, 3, component, head_size=8, percentile=40, selected=5)
    assert len(data["scores"]) == len(data["neurons"]) == len(data["kept"]) == len(scores)
    assert [mark["text"] for mark in data["marks"]] == ["P30", "P40", "P50", "P70"]
    assert [mark["cut"] for mark in data["marks"]] == [False, True, False, False]
    assert data["head_size"] == (8 if component == "value" else 0)
    edge = cell_view(scores, kept, neurons, 3, component, head_size=8, edge_length=True)
    assert edge["marks"][0]["value"] == pytest.approx(2 * data["marks"][0]["value"])
    assert json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("scores", [np.zeros(4), np.ones(4), np.array([0.0, 1.0]), np.zeros(0)])
def test_a_cell_without_two_values_draws_nothing(scores: np.ndarray) -> None:
    data = (
        cell_view(scores, np.ones(len(scores), dtype=bool), np.arange(len(scores)), 1, "value", head_size=2)
        if len(scores)
        else None
    )
    assert data is None or data["bars"] == []


def test_a_cells_picture_holds_both_halves(tiny_analysis: Any) -> None:
    scores = tiny_analysis.scores(3, "value")
    kept = scores > np.percentile(scores, 50)
    above = distribution(scores, kept, "value")
    for below in (strip(scores, kept, "value", 8), rank_curve(scores, kept, "value")):
        figure = both(above, below)
        assert {trace.yaxis for trace in figure.data} == {None, "y2"}
        assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
        assert sum(len(trace.y) for trace in figure.data if trace.yaxis == "y2") == len(scores)
    ranks = [x for trace in rank_curve(scores, kept, "value").data for x in trace.x]
    assert sorted(ranks) == list(range(1, len(scores) + 1))


def test_a_cells_picture_names_its_numbers_as_it_is_told(tiny_analysis: Any) -> None:
    scores, kept = 2 * tiny_analysis.scores(3, "value"), np.ones(24, dtype=bool)
    told = title("r_f", edge_length=True)
    above = distribution(scores, kept, "value", title=told)
    assert above.layout.xaxis.title.text == "r_f (edge length), log scale"
    for below in (strip(scores, kept, "value", 8, title=told), rank_curve(scores, kept, "value", title=told)):
        assert below.layout.yaxis.title.text == told
        assert all(told in trace.hovertemplate for trace in below.data)
        picture = both(above, below)
        assert (picture.layout.xaxis.title.text, picture.layout.yaxis2.title.text) == (f"{told}, log scale", told)


def test_the_table_is_sorted_and_says_head_and_offset(tiny_analysis: Any) -> None:
    kept = np.ones(24, dtype=bool)
    kept[3] = False
    table = neuron_table(tiny_analysis, 3, "value", kept)
    assert list(table) == [
        "neuron",
        "head",
        "offset",
        "r_f (radius)",
        "percentile in cell",
        "std",
        "mean",
        "std, all tokens",
        "plan",
    ]
    assert (np.diff(table["r_f (radius)"]) <= 0).all() and table["percentile in cell"][0] == 100
    scores = tiny_analysis.scores(3, "value")
    places = {int(neuron): at for at, neuron in enumerate(tiny_analysis.neurons(3, "value"))}
    wanted = [standing(scores, places[int(neuron)]).percentile for neuron in table["neuron"]]
    assert table["percentile in cell"].tolist() == wanted and wanted[-1] == 0
    assert (8 * table["head"] + table["offset"] == table["neuron"]).all()
    assert table["neuron"][table["plan"] == "cut"].tolist() == [3]
    assert set(neuron_table(tiny_analysis, 3, "value", None)["plan"]) == {"–"}
    assert list(neuron_table(tiny_analysis, 3, "output", np.ones(24, dtype=bool), name="std", edge_length=True)) == [
        "neuron",
        "std",
        "percentile in cell",
        "mean",
        "std, all tokens",
        "r_f (edge length)",
    ]


def test_the_component_comes_with_its_files() -> None:
    css, js = cell_view_assets()
    assert "light-dark(" in css and "export default function" in js and "innerHTML" not in js


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "under 1 s"), (4.4, "4 s"), (59.7, "1 min"), (95, "1 min 35 s"), (5400, "1 h 30 min"), (7200, "2 h")],
)
def test_a_time_is_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nothing_is_said_of_a_cell_that_was_cut_away() -> None:
    analysis = memory_analysis(2, 8, 2, 20)
    gone = SimpleNamespace(
        shape=analysis.shape,
        scores=analysis.scores,
        degenerate=lambda layer, c, name: (layer, c) == (2, "value"),
        width=lambda *_: 0,
    )
    assert cells(cell_map(gone))[2, "value"]["equal"] == "cut"


def test_a_neuron_alone_in_its_cell_has_no_percentile() -> None:
    shape = SimpleNamespace(head_size=8)
    alone = SimpleNamespace(
        shape=shape,
        neurons=lambda *_: np.array([5]),
        scores=lambda *_: np.array([0.5]),
        cell=lambda *_: {name: np.array([0.25]) for name in ("r_f", "std", "mean", "std_all")},
    )
    table = neuron_table(alone, 3, "value", None)  # what the table reads of an analysis
    assert "percentile in cell" not in table and table["neuron"].tolist() == [5]
