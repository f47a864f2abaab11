"""One neuron's outputs on a line, with disks and marked gaps, as a Plotly figure, for the downloads of lesson 4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.base import blank
from obce_core.figures.theme import palette
from obce_core.formatting import amount

_MOST = 400
"""Disks that are drawn one by one; of more, neighbours too near to be told apart share one."""


def gap_figure(data: Mapping[str, Any], *, mode: str = "light") -> go.Figure:
    """Draw the data of `gap_line`: a disk at each output, and brackets below the gaps, the widest in red.

    A gap that has closed is dotted. Disks have the size of the axis' unit. Widths that give answers away are left out.
    """
    colours = palette(mode)
    radius = data["percent"] / 100 * data["last"]
    factor, unit = (2, "edge length") if data["edgeLength"] else (1, "radius")
    values = data["values"]
    margin = max(1.2 * data["last"], 1e-12)
    low, high = values[0] - margin, values[-1] + margin
    figure = blank(colours, height=280)
    hue = colours.components["query"]
    shapes: list[dict[str, Any]] = []
    if radius:
        near, before = (high - low) / _MOST, float("-inf")
        for value in values:
            if value - before >= near or value == values[-1]:
                shapes.append(
                    {
                        "type": "circle",
                        "layer": "below",
                        "x0": value - radius,
                        "x1": value + radius,
                        "y0": -radius,
                        "y1": radius,
                        "fillcolor": hue,
                        "opacity": 0.16,
                        "line": {"width": 0},
                    }
                )
                before = value
    notes = []
    for place, gap in enumerate(data["gaps"]):
        label = data["known"] and gap["widest"]
        colour = colours.accent if label else colours.faint
        level = -0.34 - 0.18 * (place % 2)  # neighbours on two levels, so that letters never meet
        dash = "dot" if gap["right"] - gap["left"] <= 2 * radius * (1 + 1e-9) else "solid"
        line = {"color": colour, "width": 2, "dash": dash}
        path = (
            f"M{gap['left']},{level + 0.06}L{gap['left']},{level}L{gap['right']},{level}L{gap['right']},{level + 0.06}"
        )
        shapes.append({"type": "path", "path": path, "yref": "y2", "line": line})
        width = f" {amount(gap['right'] - gap['left'])}" if data["known"] else ""
        notes.append(
            {
                "x": (gap["left"] + gap["right"]) / 2,
                "y": level,
                "yref": "y2",
                "yanchor": "top",
                "showarrow": False,
                "text": f"{gap['letter']}{width}",
                "font": {"size": 12, "color": colours.accent if label else colours.ink},
            }
        )
    figure.add_scatter(
        x=values,
        y=[0.0] * len(values),
        mode="markers",
        marker={"size": 5, "color": colours.ink},
        customdata=[[amount(value)] for value in values],
        hovertemplate="output %{customdata[0]}<extra></extra>",
    )
    figure.add_scatter(
        x=[low], y=[0], yaxis="y2", mode="markers", marker={"opacity": 0}, hoverinfo="skip"
    )  # carries the brackets' axis
    figure.update_xaxes(range=[low, high], title_text=f"output; disks at {unit} {amount(factor * radius)}", nticks=6)
    figure.update_layout(
        shapes=shapes,
        annotations=notes,
        yaxis={"visible": False, "scaleanchor": "x", "scaleratio": 1},
        yaxis2={"visible": False, "overlaying": "y", "range": [-1, 1], "fixedrange": True},
    )
    return figure
