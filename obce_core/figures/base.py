"""The base of every Plotly figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.theme import Palette
from obce_core.formatting import MINUS

FONT = "Source Sans, Source Sans Pro, sans-serif"


def blank(colours: Palette, *, height: int) -> go.Figure:
    """Return an empty figure in the common style: transparent, horizontal hairlines only, no mode bar, no drag."""
    axis: dict[str, Any] = {
        "zeroline": False,
        "automargin": True,
        "linecolor": colours.hairline,
        "tickfont": {"color": colours.muted, "size": 12},
        "title": {"font": {"color": colours.muted, "size": 12}, "standoff": 8},
        "nticks": 6,
    }
    return go.Figure(
        layout={
            "height": height,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 13, "color": colours.ink},
            "dragmode": False,
            "showlegend": False,
            "hoverlabel": {
                "bgcolor": colours.ink,
                "font": {"color": colours.background, "family": FONT, "size": 13},
                "align": "left",
            },
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "gridcolor": colours.grid, "showline": False},
            "bargap": 0.12,
        }
    )


def level(figure: go.Figure, value: float, text: str, colours: Palette, *, upright: bool = False) -> None:
    """Draw a named dashed line across the plot at a value of the y axis (with `upright`, of the x axis)."""
    line = {"color": colours.muted, "width": 1.2, "dash": "dash"}
    font = {"color": colours.muted, "size": 12}
    if upright:
        figure.add_shape(type="line", x0=value, x1=value, yref="paper", y0=0, y1=1, line=line, name=text)
        figure.add_annotation(x=value, yref="paper", y=1, yanchor="bottom", text=text, showarrow=False, font=font)
    else:
        figure.add_shape(type="line", y0=value, y1=value, xref="paper", x0=0, x1=1, line=line, name=text)
        figure.add_annotation(
            y=value, xref="paper", x=1, xanchor="right", yanchor="bottom", text=text, showarrow=False, font=font
        )


def log_ticks(low: float, high: float) -> list[float]:
    """Choose ticks of a log axis at 1, 2 and 5, at most six of them."""
    if not 0 < low < high:
        return []
    ticks = [
        step * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for step in (1, 2, 5)
        if low <= step * 10.0**power <= high
    ]
    return ticks if len(ticks) <= 6 else ticks[:: math.ceil(len(ticks) / 6)]


def size_ticks(low: float, high: float) -> dict[str, list[Any]]:
    """Choose ticks of a linear axis of parameters at multiples of 1, 2 or 5 times a power of ten, about five of them.

    >>> size_ticks(0, 22.7e6)["ticktext"]
    ['0', '5 M', '10 M', '15 M', '20 M']
    """
    if not low < high:
        return {"tickvals": [high], "ticktext": [_short(high)]}
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(power * one for one in (1, 2, 5, 10) if (high - low) / (power * one) <= 5)
    results = [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return {"tickvals": results, "ticktext": [_short(tick) for tick in results]}


def _short(value: float) -> str:
    """Write a round number of parameters without needless digits: 5000000 is "5 M"."""
    limit, unit = next(
        ((limit, unit) for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")) if abs(value) >= limit), (1.0, "")
    )
    return f"{value / limit:.10g}{unit}".replace("-", MINUS)


def grid_axes(figure: go.Figure, columns: Sequence[str], layers: Sequence[int]) -> None:
    """Set the axes of a map of layers (down) by components (across): one cell per unit, names on top."""
    figure.update_xaxes(
        side="top",
        tickvals=list(range(len(columns))),
        ticktext=list(columns),
        range=[-0.55, len(columns) - 0.45],
        showline=False,
    )
    figure.update_yaxes(
        tickvals=list(range(len(layers))),
        ticktext=[str(layer) for layer in layers],
        range=[len(layers) - 0.45, -0.55],
        showgrid=False,
        title_text="layer",
        nticks=0,
    )
