"""Vector clouds as figures: the numbers drawn are those given, foreign text is plain."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.figures.cloud import bars, cloud_scatter
from obce_core.figures.dots import dot_colours

POINTS = np.random.default_rng(0).normal(size=(12, 2))
TEXTS = ["<b>x</b> %{y}", *(f"text {i}" for i in range(11))]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    "column", [None, [f"kind {i % 8}" for i in range(12)], [*range(11), ""]], ids=["none", "category", "number"]
)
def test_every_text_is_drawn_once(column: list | None, mode: str) -> None:
    colour = None if column is None else dot_colours("<i>name</i>", column)
    figure = cloud_scatter(POINTS, TEXTS, ("PC 1", "PC 2"), colour, mode=mode)
    drawn = sorted((x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True))
    assert drawn == sorted(map(tuple, POINTS.tolist()))
    words = [row[0] for trace in figure.data for row in trace.customdata]
    assert sorted(words) == sorted(["&lt;b&gt;x&lt;/b&gt; %&#123;y}", *TEXTS[1:]])
    assert "<i>" not in figure.to_json()
    if colour is not None and colour["kind"] == "category":
        assert [trace.marker.symbol for trace in figure.data] == [
            "circle",
            "square",
            "triangle-up",
            "diamond",
            "cross",
            "circle-open",
        ]
        assert figure.data[-1].name == "3 others (3)"


@pytest.mark.parametrize("edge_length", [False, True])
def test_the_bars_end_at_the_deaths_and_one_never(edge_length: bool) -> None:
    deaths = np.array([0.1, 0.25, 0.7])
    figure = bars(deaths, edge_length=edge_length)
    scale = 2 if edge_length else 1
    finite, infinite = figure.data
    assert finite.x[1::3].tolist() == [scale * 0.7, scale * 0.25, scale * 0.1]
    assert (finite.x[::3] == 0).all()
    assert infinite.x[1] > scale * 0.7
    assert figure.layout.shapes[0].x0 == scale * 0.7
    assert finite.customdata[0].tolist() == ["0.700", "1.40"]
    assert figure.layout.title.text == "4 bars, one a text"


def test_one_point_has_the_infinite_bar_only() -> None:
    figure = bars(np.empty(0))
    assert len(figure.data[0].x) == 0
    assert figure.layout.title.text == "1 bar, one a text"
