"""How much of a model is left: bars of parameters, embeddings apart from the encoder."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from obce_core.figures.base import blank
from obce_core.figures.numbers import millions
from obce_core.figures.theme import palette
from obce_core.plan.budget import Budget


def sizes(rows: Sequence[tuple[str, Budget]], *, mode: str = "light") -> go.Figure:
    """Draw one bar for the original and one for each named budget: embeddings ghost, encoder ink, cut hatched."""
    colours = palette(mode)
    figure = blank(colours, height=64 + 38 * (len(rows) + 1))
    whole = rows[0][1]
    rest = whole.parameters - whole.encoder
    names = ["original", *(name for name, _ in rows)]
    left = [whole.encoder, *(budget.encoder_left for _, budget in rows)]
    cut = [whole.encoder - value for value in left]
    parts = (
        ("never cut (embeddings, heads)", [rest] * len(names), colours.ghost, "", colours.ink),
        ("encoder left", left, colours.ink, "", colours.background),
        ("cut", cut, "rgba(0,0,0,0)", "/", colours.muted),
    )
    for name, values, colour, pattern, text in parts:
        figure.add_bar(
            y=names,
            x=values,
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
    figure.update_layout(barmode="stack", bargap=0.38)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticklabelstandoff=6)
    ticks = [whole.parameters * part / 4 for part in range(5)]
    figure.update_xaxes(tickvals=ticks, ticktext=[millions(t) if t else "0" for t in ticks], showline=True)
    return figure
