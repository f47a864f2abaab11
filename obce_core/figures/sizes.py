"""Bars of the parameters that are left in a model: encoder, embeddings and the rest."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from obce_core.figures.base import blank, size_ticks
from obce_core.figures.theme import palette
from obce_core.formatting import millions
from obce_core.plan.size import Budget


def sizes(rows: Sequence[tuple[str, Budget]], *, mode: str = "light") -> go.Figure:
    """Draw one bar for the original and one for each named budget: embeddings ghost, encoder ink, cut hatched."""
    colours = palette(mode)
    figure = blank(colours, height=92 + 38 * (len(rows) + 1))
    whole = rows[0][1]
    rest = whole.parameters - whole.encoder
    names = ["original", *(name for name, _ in rows)]
    left = [whole.encoder, *(budget.encoder_left for _, budget in rows)]
    cut = [whole.encoder - value for value in left]
    parts = (
        ("embeddings and the rest", [rest] * len(names), colours.ghost, "", colours.ink),
        ("encoder", left, colours.ink, "", colours.background),
        ("cut", cut, "rgba(0,0,0,0)", "/", colours.muted),
    )
    for name, values, colour, pattern, text in parts:
        figure.add_bar(
            y=names,
            x=values,
            name=name,
            orientation="h",
            marker={
                "color": colour,
                "line": {"color": colours.faint, "width": 1 if pattern else 0},
                "pattern": {"shape": pattern, "fgcolor": colours.faint, "size": 6, "solidity": 0.25} if pattern else {},
            },
            text=[millions(value) if value > 0.12 * whole.parameters and not pattern else "" for value in values],
            textposition="inside",
            insidetextanchor="end",
            textfont={"color": text, "size": 12},
            customdata=[millions(value) for value in values],
            hovertemplate="%{y}: %{customdata} parameters " + name + "<extra></extra>",
        )
    figure.update_layout(
        barmode="stack",
        bargap=0.38,
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 0,
            "xref": "container",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
            "font": {"color": colours.muted, "size": 12},
            "bgcolor": "rgba(0,0,0,0)",
        },
        margin={"t": 34},
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=6)
    figure.update_xaxes(**size_ticks(0, whole.parameters), showline=True)
    return figure
