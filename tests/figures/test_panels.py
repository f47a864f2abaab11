"""The panels beside the lessons' figures: every bar, every one, and nothing of a name as markup."""

from __future__ import annotations

import re

import numpy as np
import pytest

from obce_core.figures.widgets.field.data import field_assets, field_data
from obce_core.figures.widgets.gap_line.data import gap_line, gap_line_assets
from obce_core.figures.widgets.panels import barcode_panel, diagram_panel, fold_panel, matrix_panel, numbers, style
from obce_core.figures.widgets.threshold.data import threshold_assets, threshold_data
from obce_core.lessons.neuron import look
from obce_core.topology import bars, rips

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


@pytest.mark.parametrize(
    ("radius", "ended", "alive", "loop"), [(0.5, 0, 4, "to-come"), (1.0, 3, 1, "alive"), (1.5, 3, 1, "ended")]
)
def test_bars_end_live_and_wait(radius: float, ended: int, alive: int, loop: str) -> None:
    panel = barcode_panel(bars(SQUARE), radius)
    assert panel.count('<i class="ended"') == ended
    assert panel.count('<i class="alive"') == alive
    assert panel.count('class="loop ') == panel.count(f'class="loop {loop}"') == 1


@pytest.mark.parametrize("count", [0, 1])
def test_without_merges_there_is_still_a_scale(count: int) -> None:
    for draw in (barcode_panel, diagram_panel):
        panel = draw(bars(np.zeros((count, 2))), 0.0)
        assert "nan" not in panel and "inf%" not in panel
        assert (">∞<" in panel) == (count > 0 and draw is diagram_panel)


def test_edge_lengths_change_the_ticks_and_not_the_places() -> None:
    found = bars(SQUARE)
    radii, edges = (barcode_panel(found, 1.0, edge_length=flag) for flag in (False, True))
    places = re.compile(r'<i class="ended" style="([^"]*)"')
    assert places.findall(radii) == places.findall(edges)
    assert ">3<" not in radii and ">3<" in edges


def test_a_matrix_shows_its_ones() -> None:
    panel = matrix_panel(rips(SQUARE, 1.0), 1, lambda simplex: "<b>" + "".join("ABCD"[at] for at in simplex))
    assert panel.count('class="one"') == 8
    assert "<b>" not in panel and "&lt;b&gt;AB" in panel
    assert "no column" in matrix_panel(rips(SQUARE, 1.0), 2, str)


def test_a_wide_matrix_is_cut_and_keeps_the_rows_that_matter() -> None:
    panel = matrix_panel(rips(np.zeros((12, 2)), 0.0), 2, lambda simplex: "-".join(map(str, simplex)))
    assert panel.count("<tr>") - 1 < 66 and panel.count('class="one"') == 3 * 40


def test_numbers_and_tensors_are_text() -> None:
    assert "<script>" not in numbers([("<script>", "1")])
    panel = fold_panel([("key.extra", (), (12, 384)), ("value.bias", (384,), (192,))], known=True)
    assert "−4,608" in panel and ">192<" in panel and "–" in panel
    assert "4,608" not in fold_panel([("key.extra", (), (12, 384))], known=False)


def test_figures_are_data_that_json_holds() -> None:
    import json

    line = look([0.0, 1.0, 4.0])
    found = [
        field_data([(1, 2)], size=(10, 8), most=4, radius=1),
        gap_line(
            line.values, ["<b>", "x" * 900, "c"], line.gaps, percent=40, known=False, edge_length=False, large=False
        ),
        threshold_data(np.array([0.0, 0.1, 0.2]), "value", 50, neuron=(1, 0.1)),
    ]
    sent = json.loads(json.dumps(found))
    assert [gap["widest"] for gap in sent[1]["gaps"]] == [False, True]
    assert sent[1]["last"] == 1.5 and max(len(text) for gap in sent[1]["gaps"] for text in gap["texts"]) == 300
    for css, js in (field_assets(), gap_line_assets(), threshold_assets()):
        assert (
            "light-dark(" in css
            and "innerHTML" not in js
            and "http" not in js.replace("http://www.w3.org/2000/svg", "")
        )
    assert style().startswith("<style>")
