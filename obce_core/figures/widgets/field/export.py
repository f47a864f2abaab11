"""The lessons' field of points as a Plotly figure, for downloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.base import blank
from obce_core.figures.theme import palette

_UNIT = 1_000


def field_figure(
    data: Mapping[str, Any], simplices: Sequence[Sequence[int]], names: Sequence[str], *, mode: str = "light"
) -> go.Figure:
    """Draw the data of `field_data`: named points, disks, and `simplices` as edges and shaded triangles.

    `simplices` are places of points in rising order, of two or three; an edge that a triangle lacks is dashed. Disks
    have the size of the axes' unit.
    """
    colours = palette(mode)
    wide, high = (side / _UNIT for side in data["size"])
    points = [(x / _UNIT, y / _UNIT) for x, y in data["points"]]
    figure = blank(colours, height=520)
    edges = [tuple(simplex) for simplex in simplices if len(simplex) == 2]
    triangles = [tuple(simplex) for simplex in simplices if len(simplex) == 3]
    missing = sorted({edge for triangle in triangles for edge in combinations(triangle, 2)} - set(edges))
    if data["radius"] is not None:
        r = data["radius"] / _UNIT
        hue = colours.components["query"]
        figure.update_layout(
            shapes=[
                {
                    "type": "circle",
                    "layer": "below",
                    "x0": x - r,
                    "x1": x + r,
                    "y0": y - r,
                    "y1": y + r,
                    "fillcolor": hue,
                    "opacity": 0.14,
                    "line": {"color": hue, "width": 1},
                }
                for x, y in points
            ]
        )
    for corners, style in (
        (triangles, {"mode": "none", "fill": "toself", "fillcolor": colours.ink, "opacity": 0.18}),
        (edges, {"mode": "lines", "line": {"color": colours.ink, "width": 1.6}}),
        (missing, {"mode": "lines", "line": {"color": colours.ink, "width": 1.4, "dash": "dot"}}),
    ):
        x, y = _paths([[points[at] for at in simplex] for simplex in corners])
        figure.add_scatter(x=x, y=y, hoverinfo="skip", **style)
    figure.add_scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="markers+text",
        text=list(names[: len(points)]),
        textposition="top right",
        textfont={"size": 13, "color": colours.ink},
        marker={"size": 9, "color": colours.ink},
        hovertemplate="%{text} at %{x:.3~f}, %{y:.3~f}<extra></extra>",
    )
    figure.update_xaxes(range=[0, wide], constrain="domain", showline=True, mirror=True)
    figure.update_yaxes(
        range=[0, high], scaleanchor="x", scaleratio=1, constrain="domain", showgrid=False, showline=True, mirror=True
    )
    return figure


def _paths(shapes: Sequence[Sequence[tuple[float, float]]]) -> tuple[list[float | None], list[float | None]]:
    """Join shapes in one trace, a gap after each: thousands of triangles are one path."""
    x: list[float | None] = []
    y: list[float | None] = []
    for shape in shapes:
        x += [*(corner[0] for corner in shape), None]
        y += [*(corner[1] for corner in shape), None]
    return x, y
