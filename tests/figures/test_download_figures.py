"""The Plotly twins of our own components hold what the components show."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny import memory_analysis

from obce_core.components import CUTTABLE
from obce_core.figures.widgets.field.data import field_data
from obce_core.figures.widgets.field.export import field_figure
from obce_core.figures.widgets.gap_line.data import gap_line
from obce_core.figures.widgets.gap_line.export import gap_figure
from obce_core.figures.widgets.panels.bars import barcode_figure, diagram_figure
from obce_core.figures.widgets.panels.matrix import matrix_figure
from obce_core.figures.widgets.plan_grid.data import Closeness, plan_grid
from obce_core.figures.widgets.plan_grid.export import plan_figure
from obce_core.figures.widgets.threshold.export import threshold_figure
from obce_core.lessons.drawing import SHAPES
from obce_core.lessons.neuron import look
from obce_core.lessons.scene import letters, named
from obce_core.plan import ManualOverride, PruneSpec, resolve
from obce_core.topology import bars, rips

ANALYSIS = memory_analysis(3, 24, 3, 40)
SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
modes = pytest.mark.parametrize("mode", ["light", "dark"])


@modes
def test_the_plan_s_bars_are_its_widths(mode: str) -> None:
    prune_spec = replace(
        PruneSpec(cells={2: {"query": 50, "key": 12.5}}),
        keep=(ManualOverride(layer=2, component="query", neurons=(0, 1)),),
    )
    plan = resolve(ANALYSIS, prune_spec)
    close = {(2, "query"): Closeness(cosine=0.5), (2, "key"): Closeness(cosine=0.25, old=True)}
    data = plan_grid(ANALYSIS, prune_spec, plan, linked=True, close=close)
    figure = plan_figure(data, mode=mode)
    kept, cut = figure.data[0], figure.data[1]
    cells = {(cell["layer"], cell["component"]): cell for cell in data["cells"]}
    widths = [cells[layer, name]["kept"] / cells[layer, name]["width"] for layer in (1, 2, 3) for name in CUTTABLE]
    assert np.allclose(kept.x, 0.88 * np.array(widths)) and len(cut.x) == 2
    assert list(cut.base) == pytest.approx(
        [-0.44 + kept.x[4], 1 - 0.44 + kept.x[5]]
    )  # query and key of layer 2: columns 0 and 1
    assert cut.marker.pattern.shape == "/" and list(kept.marker.color[:4]) == [
        column[mode] for column in data["columns"]
    ]
    words = [note.text for note in figure.layout.annotations]
    assert "P50*   .500" in words and "P12.5" in words and words.count("locked") == 6 and words.count("–") == 10


def test_a_cell_that_cannot_be_cut_is_dashed() -> None:
    data = plan_grid(ANALYSIS, PruneSpec(), None, linked=False)
    data["cells"][0] |= {"equal": True}
    data["cells"][1] |= {"equal": True, "width": 0, "kept": 0}
    figure = plan_figure(data)
    assert [note.text for note in figure.layout.annotations][:3] == ["all equal", "cut", "–"]
    assert [shape.line.dash for shape in figure.layout.shapes][:3] == ["dash", "dash", "solid"]


@modes
def test_disks_of_the_field_have_their_radius_and_the_complex_is_drawn(mode: str) -> None:
    points = [(0, 0), (2000, 0), (2000, 2000), (0, 2000)]
    found = rips(np.array(points, dtype=float), 1000)
    data = field_data(points, size=(10_000, 8_000), most=9, radius=1000)
    figure = field_figure(data, [*found.edges, *found.triangles], letters(4), mode=mode)
    assert [(disk.x1 - disk.x0, disk.y1 - disk.y0) for disk in figure.layout.shapes] == [(2, 2)] * 4
    assert figure.layout.yaxis.scaleanchor == "x" and list(figure.data[-1].text) == ["A", "B", "C", "D"]
    triangles, edges, missing, _ = figure.data
    assert (len(edges.x) / 3, len(triangles.x), len(missing.x)) == (4, 0, 0)


def test_a_missing_edge_is_dotted() -> None:
    drawing = SHAPES["broken"]
    data = field_data(drawing.points, size=(10_000, 8_000), most=12, simplices=drawing.simplices)
    figure = field_figure(data, drawing.simplices, letters(12))
    triangles, edges, missing, dots = figure.data
    assert (len(triangles.x) / 4, len(edges.x) / 3, len(missing.x) / 3) == (2, 3, 2)
    assert (
        missing.line.dash == "dot"
        and list(missing.x[:2]) == [2.6, 7.0]
        and len(dots.x) == 4
        and not figure.layout.shapes
    )


@modes
@pytest.mark.parametrize("edge_length", [False, True])
def test_the_gap_s_disks_touch_when_it_closes(mode: str, edge_length: bool) -> None:
    line = look([0.0, 1.0, 4.0])
    data = gap_line(
        line.values, ["<b>", "b", "c"], line.gaps, percent=40, known=False, edge_length=edge_length, large=False
    )
    figure = gap_figure(data, mode=mode)
    disks = [shape for shape in figure.layout.shapes if shape.type == "circle"]
    assert [(disk.x0 + disk.x1) / 2 for disk in disks] == pytest.approx([0, 1, 4]) and disks[0].x1 - disks[
        0
    ].x0 == pytest.approx(1.2)
    brackets = [shape.line.dash for shape in figure.layout.shapes if shape.type == "path"]
    assert sorted(brackets) == ["dot", "solid"]  # the gap of 1 has closed at radius 0.6, that of 3 has not
    assert all(note.text in ("A", "B") for note in figure.layout.annotations)  # widths are covered
    assert ("edge length 1.20" if edge_length else "radius 0.600") in figure.layout.xaxis.title.text
    told = gap_figure({**data, "known": True, "percent": 100}, mode=mode)
    assert {note.text[2:] for note in told.layout.annotations} == {"1.00", "3.00"}
    assert "<b>" not in json.dumps(told.to_plotly_json(), default=str)


def test_many_outputs_share_disks() -> None:
    values = np.linspace(0, 1, 3000)
    line = look(values)
    data = gap_line(values, ["x"] * 3000, line.gaps, percent=100, known=True, edge_length=False, large=False)
    figure = gap_figure(data)
    assert sum(shape.type == "circle" for shape in figure.layout.shapes) <= 401 and len(figure.data[0].x) == 3000


@modes
def test_the_threshold_stands_at_its_percentile(mode: str) -> None:
    scores = np.geomspace(0.001, 1.0, 41)
    figure = threshold_figure(scores, scores > np.percentile(scores, 30), "value", 30, mode=mode)
    assert [note.text for note in figure.layout.annotations] == ["<b>P30</b>"]
    assert 10 ** figure.layout.shapes[0].x0 == pytest.approx(np.percentile(scores, 30))
    assert sum(figure.data[0].y) == 13 and sum(figure.data[1].y) == 28
    assert not threshold_figure(np.zeros(5), np.ones(5, dtype=bool), "value", 30).layout.shapes


@modes
@pytest.mark.parametrize("factor", [1, 2])
def test_bars_and_births_are_those_of_the_points(mode: str, factor: int) -> None:
    found = bars(SQUARE)
    figure = barcode_figure(found, 1.2, edge_length=factor == 2, mode=mode)
    parts, loops = figure.data
    assert list(parts.x[1:]) == [factor * 1.0] * 3 and parts.x[0] > parts.x[1] and len(loops.x) == 1
    assert loops.base[0] + loops.x[0] == pytest.approx(factor * 2**0.5) and figure.layout.shapes[0].x0 == pytest.approx(
        factor * 1.2
    )
    assert parts.marker.color[0] != parts.marker.color[1] and loops.marker.color[0] == "rgba(0,0,0,0)"
    drawn = diagram_figure(found, 1.2, edge_length=factor == 2, mode=mode)
    _, dots, rings, never = drawn.data
    assert (
        list(dots.y) == [factor] * 3
        and rings.x[0] == pytest.approx(factor)
        and len(never.y) == 1
        and max(never.y) < np.inf
    )


@pytest.mark.parametrize("count", [0, 1])
def test_without_merges_there_is_still_a_figure(count: int) -> None:
    found = bars(np.zeros((count, 2)))
    for draw in (barcode_figure, diagram_figure):
        assert "NaN" not in draw(found, 0.0).to_json()


@modes
def test_a_matrix_is_the_boundary(mode: str) -> None:
    found = rips(SQUARE, 1.5)
    for dim in (1, 2):
        figure = matrix_figure(found, dim, named, mode=mode)
        assert np.array_equal(np.array(figure.data[0].z), found.boundary(dim))
    assert matrix_figure(found, 1, named).layout.xaxis.ticktext[0] == "AB"
    matrix_figure(rips(SQUARE, 0.1), 2, named, mode=mode)
