"""Figures as files: on their mode's background, larger for a projector, and a plain word where something is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from obce_core.figures import images
from obce_core.figures.base import blank
from obce_core.figures.layers import layers
from obce_core.figures.theme import DARK, LIGHT, palette
from obce_core.plan import make_plan
from obce_core.plan.size_table import plan_size_table


@pytest.fixture
def figure() -> go.Figure:
    made = blank(LIGHT, height=210)
    made.add_scatter(x=np.arange(3.0), y=[1, 2, 3], line={"width": 2}, marker={"size": 5})
    made.add_annotation(x=1, y=2, text="here", font={"size": 12})
    return made


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_picture_stands_on_the_background_of_its_mode(figure: go.Figure, mode: str) -> None:
    request = images.image_request(figure, "png", mode=mode)
    assert request["figure"]["layout"]["paper_bgcolor"] == palette(mode).background
    assert (request["height"], request["scale"], request["format"]) == (258, 2, "png")
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"  # the page's own figure is as it was
    assert images.image_request(figure, "svg", mode=mode)["scale"] == 1


def test_letters_and_lines_grow_and_places_stay(figure: go.Figure) -> None:
    larger = images.enlarge(figure, text=2, stroke=3)
    assert (
        larger.layout.font.size == 26
        and larger.layout.xaxis.tickfont.size == 24
        and larger.layout.annotations[0].font.size == 24
    )
    assert larger.layout.xaxis.title.font.size == 24 and larger.layout.hoverlabel.font.size == 26
    assert larger.data[0].line.width == 6 and larger.data[0].marker.size == 5
    assert list(larger.data[0].y) == [1, 2, 3] and larger.layout.height == 210
    assert figure.layout.font.size == 13


@pytest.mark.parametrize(
    ("kaleido", "browser", "word"),
    [(None, "/usr/bin/chromium", "pip install"), ("there", None, "Chromium"), ("there", "x", "")],
)
def test_what_is_missing_is_named(
    kaleido: Any, browser: str | None, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.missing.cache_clear()
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setattr(images.importlib.util, "find_spec", lambda name: kaleido)
    monkeypatch.setattr(images.shutil, "which", lambda name: browser)
    told = images.missing()
    images.missing.cache_clear()
    assert word in told and bool(told) == bool(word)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_bars_of_layers_hold_every_parameter_once(tiny_analysis: Any, mode: str) -> None:
    size_table = plan_size_table(tiny_analysis, make_plan(tiny_analysis, percentile=50))
    drawn = layers(size_table, mode=mode)
    assert [trace.name for trace in drawn.data][-1] == "cut"
    assert {trace.marker.color for trace in drawn.data} >= set((DARK if mode == "dark" else LIGHT).components.values())
    for at, layer in enumerate(drawn.data[0].y):
        whole = sum(trace.x[at] for trace in drawn.data)
        assert whole == sum(entry.parameters for entry in size_table.entries if entry.layer == int(layer))
    assert sum(drawn.data[-1].x) == sum(entry.parameters - entry.parameters_left for entry in size_table.entries) > 0
