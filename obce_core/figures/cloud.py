"""A projected vector cloud, and the barcode of the cloud in all its dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from obce_core.figures.base import blank
from obce_core.figures.safe import plot_text
from obce_core.figures.theme import Palette, palette, ramp
from obce_core.formatting import amount, count

SYMBOLS = ("circle", "square", "triangle-up", "diamond", "cross", "circle-open")
LEVELS = {"light": ("#5FA8A4", "#3F93A0", "#1F6287", "#173A63"), "dark": ("#2B7F87", "#3A9396", "#82C4AE", "#E3F2DC")}
"""The ramp of a numeric column, as in `widgets/film/style.css`: every step can be told from the background."""


def cloud_scatter(
    points: np.ndarray,
    texts: Sequence[str],
    axes: tuple[str, str],
    colour: Mapping[str, Any] | None = None,
    *,
    mode: str = "light",
) -> go.Figure:
    """Draw a projected cloud, shape (texts, 2), with texts on hover and the colours and shapes of `dot_colours`."""
    colours = palette(mode)
    figure = blank(colours, height=460)
    hover = [plot_text(text, limit=200) for text in texts]
    size = 7 if len(points) <= 300 else 4.5
    for name, chosen, marker in _groups(len(points), colour, colours, mode):
        figure.add_scatter(
            x=points[chosen, 0],
            y=points[chosen, 1],
            mode="markers",
            name=name,
            marker={"size": size, "opacity": 0.9, **marker},
            customdata=[[hover[at]] for at in chosen],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )
    if colour is not None and colour["kind"] == "category":
        figure.update_layout(
            showlegend=True,
            legend={
                "orientation": "h",
                "y": 1.02,
                "yanchor": "bottom",
                "x": 0,
                "itemclick": False,
                "itemdoubleclick": False,
            },
        )
    figure.update_xaxes(title_text=axes[0], showgrid=False)
    figure.update_yaxes(title_text=axes[1], scaleanchor="x", scaleratio=1)
    return figure


def bars(deaths: np.ndarray, *, edge_length: bool = False, noun: str = "text", mode: str = "light") -> go.Figure:
    """Draw a barcode, the infinite bar and then the longest on top, with a red line at the last finite death."""
    colours, scale = palette(mode), 2.0 if edge_length else 1.0
    figure = blank(colours, height=460)
    ends = np.sort(np.asarray(deaths, dtype=np.float64))[::-1] * scale  # (bars,)
    reach = float(ends[0]) * 1.12 if len(ends) and ends[0] > 0 else 1.0
    x = np.column_stack([np.zeros_like(ends), ends, np.full_like(ends, np.nan)]).ravel()
    y = np.repeat(-np.arange(1, len(ends) + 1, dtype=np.float64), 3)
    width = max(0.8, min(5.0, 260 / (len(ends) + 1)))
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": colours.faint, "width": width},
        customdata=np.repeat([[amount(end / scale), amount(2 * end / scale)] for end in ends], 3, axis=0)
        if len(ends)
        else None,
        hovertemplate="ends at radius %{customdata[0]}<br>edge length %{customdata[1]}<extra></extra>",
    )
    figure.add_scatter(
        x=[0, reach],
        y=[0, 0],
        mode="lines+text",
        line={"color": colours.ink, "width": 3},
        text=["", "∞"],
        textposition="middle right",
        textfont={"size": 17, "color": colours.ink},
        cliponaxis=False,
        hovertemplate="never ends<extra></extra>",
    )
    if len(ends):
        figure.add_vline(x=float(ends[0]), line={"color": colours.accent, "width": 1.8})
        figure.add_annotation(
            x=float(ends[0]),
            y=0.04,
            yref="paper",
            xanchor="right",
            xshift=-6,
            showarrow=False,
            text=f"{'2 ' if edge_length else ''}r<sub>f</sub> = {amount(float(ends[0]))}",
            font={"color": colours.accent, "size": 13},
        )
    figure.update_xaxes(
        title_text="edge length" if edge_length else "radius",
        range=[0, reach * 1.06],
        showgrid=True,
        gridcolor=colours.grid,
    )
    figure.update_yaxes(visible=False, range=[-len(ends) - 1, 1.5 if len(ends) < 40 else 0.03 * len(ends)])
    figure.update_layout(
        title={
            "text": f"{count(len(ends) + 1)} bar{'s' if len(ends) else ''}, one a {noun}",
            "font": {"size": 13, "color": colours.muted},
        }
    )
    figure.update_layout(margin={"t": 30, "r": 24})
    return figure


def _groups(
    size: int, colour: Mapping[str, Any] | None, colours: Palette, mode: str
) -> list[tuple[str, list[int], dict[str, Any]]]:
    """Split the points by what they show: (name, points, marker)."""
    if colour is None:
        return [("", list(range(size)), {"color": colours.components["query"]})]
    if colour["kind"] == "number":
        known_values = [at for at, place in enumerate(colour["of"]) if place is not None]
        missing = [at for at, place in enumerate(colour["of"]) if place is None]
        shades = [ramp(LEVELS[mode], colour["of"][at]) for at in known_values]
        groups: list[tuple[str, list[int], dict[str, Any]]] = [("", known_values, {"color": shades})]
        return [*groups, ("", missing, {"color": colours.faint, "symbol": "circle-open"})] if missing else groups
    named_items = [colours.components[name] for name in ("query", "key", "value", "intermediate")]
    hues = [*named_items, colours.ink, colours.faint]
    return [
        (
            f"{plot_text(name, limit=24)} ({count(many)})",
            [at for at, of in enumerate(colour["of"]) if of == place],
            {"color": hues[place], "symbol": SYMBOLS[place]},
        )
        for place, (name, many) in enumerate(zip(colour["names"], colour["counts"], strict=True))
    ]
