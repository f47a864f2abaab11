"""Plotly figures of barcodes and of births against deaths, for the downloads of the lessons' panels."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from obce_core.figures.base import blank
from obce_core.figures.theme import palette
from obce_core.formatting import amount
from obce_core.topology import Bars

_BEYOND = 1.12
"""The scale ends a little after the last death, so that the bar that never ends is seen to go on."""


def barcode_figure(found: Bars, radius: float, *, edge_length: bool = False, mode: str = "light") -> go.Figure:
    """Draw the bars of components (solid, on top) and of loops (hollow), with a red line at the radius."""
    colours, factor = palette(mode), 2 if edge_length else 1
    end = _end(found, radius)
    deaths = sorted(map(float, found.h0), reverse=True)
    parts = [(0.0, death) for death in ([np.inf, *deaths] if found.points else [])]
    loops = [(float(birth), float(death)) for birth, death in found.h1]
    figure = blank(colours, height=max(240, 90 + 13 * (len(parts) + len(loops))))
    for name, first, bars in (("H₀, parts", 0, parts), ("H₁, loops", len(parts) + 1, loops)):
        figure.add_bar(
            orientation="h",
            name=name,
            width=0.6,
            y=[-(first + at) for at in range(len(bars))],
            base=[factor * birth for birth, _ in bars],
            x=[factor * (min(death, end) - birth) for birth, death in bars],
            marker={
                "color": [
                    "rgba(0,0,0,0)" if loops is bars else colours.faint if death <= radius else colours.ink
                    for _, death in bars
                ],
                "line": {
                    "color": [colours.faint if death <= radius else colours.ink for _, death in bars],
                    "width": 1.2,
                },
            },
            customdata=[[_told(birth, factor), _told(death, factor)] for birth, death in bars],
            hovertemplate=name + "<br>%{customdata[0]} to %{customdata[1]}<extra></extra>",
        )
    figure.add_vline(x=factor * radius, line={"color": colours.accent, "width": 1.8})
    unit = "edge length 2r" if edge_length else "radius r"
    figure.update_xaxes(title_text=unit, range=[0, factor * end], showgrid=True, gridcolor=colours.grid, showline=True)
    ticks = [(-(len(parts) - 1) / 2, "H₀"), (-(len(parts) + 1 + (len(loops) - 1) / 2), "H₁")]
    visible = [tick for tick, bars in zip(ticks, (parts, loops), strict=True) if bars]
    figure.update_yaxes(tickvals=[at for at, _ in visible], ticktext=[name for _, name in visible], showgrid=False)
    return figure


def diagram_figure(found: Bars, radius: float, *, edge_length: bool = False, mode: str = "light") -> go.Figure:
    """Draw births against deaths: components as dots, loops as rings, the infinite one on the top line."""
    colours, factor = palette(mode), 2 if edge_length else 1
    end = factor * _end(found, radius)
    figure = blank(colours, height=460)
    figure.add_scatter(
        x=[0, end], y=[0, end], mode="lines", line={"color": colours.hairline, "width": 1}, hoverinfo="skip"
    )
    for name, points, symbol in (
        ("a part", [(0.0, float(death)) for death in found.h0], "circle"),
        ("a loop", [(float(birth), float(death)) for birth, death in found.h1], "circle-open"),
        ("never dies", [(0.0, np.inf)] * bool(found.points), "triangle-up"),
    ):
        figure.add_scatter(
            x=[factor * birth for birth, _ in points],
            y=[min(factor * death, end) for _, death in points],
            mode="markers",
            name=name,
            marker={
                "size": 9,
                "symbol": symbol,
                "color": [colours.faint if death <= radius else colours.ink for _, death in points],
            },
            cliponaxis=False,
            customdata=[[_told(birth, factor), _told(death, factor)] for birth, death in points],
            hovertemplate=name + "<br>born %{customdata[0]}, dies %{customdata[1]}<extra></extra>",
        )
    figure.add_hline(y=factor * radius, line={"color": colours.accent, "width": 1.8})
    unit = "edge length" if edge_length else "radius"
    figure.update_xaxes(title_text=f"birth ({unit})", range=[-0.02 * end, end], constrain="domain", showline=True)
    figure.update_yaxes(title_text=f"death ({unit})", range=[0, end], scaleanchor="x", scaleratio=1, constrain="domain")
    figure.data[0].showlegend = False
    figure.update_layout(
        showlegend=True, legend={"x": 1.02, "y": 0, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False}
    )
    return figure


def _end(bars: Bars, radius: float) -> float:
    return _BEYOND * max([radius, *map(float, bars.h0), *map(float, bars.h1[:, 1])], default=1.0) or 1.0


def _told(value: float, factor: int) -> str:
    return "∞" if np.isinf(value) else amount(factor * value)
