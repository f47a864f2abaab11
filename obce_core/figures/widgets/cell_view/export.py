"""Plotly figures of the neurons of a cell: histogram with percentile lines, strip by head, rank curve.

The page draws them as a component of our own (`cellview`); these are what its downloads hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from obce_core.figures.base import blank, log_ticks
from obce_core.figures.theme import palette
from obce_core.formatting import amount

MARKS = (30, 50, 70)


def distribution(
    scores: np.ndarray,
    kept: np.ndarray,
    component: str,
    *,
    title: str = "r_f",
    marks: Sequence[int] = MARKS,
    mode: str = "light",
) -> go.Figure:
    """Draw the histogram of a cell's scores on a log axis: kept solid, cut hollow, lines at the percentiles `marks`.

    `title` names the scores and their unit (see `units.title`). Scores of 0 have no place on a log axis and are counted
    in the axis title.
    """
    colours = palette(mode)
    hue = colours.components[component]
    figure = blank(colours, height=210)
    positive = scores > 0
    if positive.sum() < 2:
        return figure
    low, high = float(np.log10(scores[positive].min())), float(np.log10(scores[positive].max()))
    edges = np.linspace(low, high + 1e-9, 37)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    for solid, mask in ((False, ~kept & positive), (True, kept & positive)):
        heights, _ = np.histogram(np.log10(scores[mask]), bins=edges)
        base = None if not solid else np.histogram(np.log10(scores[~kept & positive]), bins=edges)[0]
        visible = heights > 0
        figure.add_bar(
            x=middles[visible],
            y=heights[visible],
            base=None if base is None else base[visible],
            width=width * 0.86,
            marker={"color": hue if solid else "rgba(0,0,0,0)", "line": {"color": hue, "width": 0 if solid else 1.2}},
            customdata=[[amount(10 ** edges[i]), amount(10 ** edges[i + 1])] for i in np.flatnonzero(visible)],
            hovertemplate="%{y} neurons "
            + ("kept" if solid else "cut")
            + "<br>%{customdata[0]} to %{customdata[1]}<extra></extra>",
        )
    figure.update_layout(barmode="overlay")
    for mark in marks:
        value = float(np.percentile(scores, mark))
        if value > 0:
            figure.add_vline(x=float(np.log10(value)), line={"color": colours.muted, "width": 1, "dash": "dot"})
            figure.add_annotation(
                x=float(np.log10(value)),
                y=1.0,
                yref="y domain",
                yanchor="bottom",
                text=f"P{mark}",
                showarrow=False,
                font={"size": 12, "color": colours.muted},
            )
    ticks = log_ticks(10 ** edges[0], 10 ** edges[-1])
    zero = int((~positive).sum())
    figure.update_xaxes(
        tickvals=[float(np.log10(t)) for t in ticks],
        ticktext=[amount(t, 1) for t in ticks],
        title_text=f"{title}, log scale" + (f" ({zero} at 0 not shown)" if zero else ""),
        range=[edges[0] - 0.02, edges[-1] + 0.02],
    )
    figure.update_yaxes(title_text="neurons")
    figure.update_layout(margin={"t": 22})
    return figure


def both(above: go.Figure, below: go.Figure) -> go.Figure:
    """Put two figures over each other in one."""
    figure = go.Figure(above)
    for trace in below.data:
        figure.add_trace(trace.update(xaxis="x2", yaxis="y2"))
    plain = below.layout.to_plotly_json()
    figure.update_layout(
        xaxis2={**plain["xaxis"], "anchor": "y2"},
        yaxis2={**plain["yaxis"], "anchor": "x2", "domain": [0.0, 0.42]},
        height=470,
    )
    figure.update_yaxes(domain=[0.58, 1.0], selector={"anchor": None})
    figure.layout.yaxis.domain = [0.58, 1.0]
    figure.layout.xaxis.anchor = "y"
    return figure


def rank_curve(
    scores: np.ndarray,
    kept: np.ndarray,
    component: str,
    neurons: np.ndarray | None = None,
    *,
    title: str = "r_f",
    mode: str = "light",
) -> go.Figure:
    """Draw each neuron's score by its rank in the cell, the largest first: solid is kept, hollow is cut."""
    figure = strip(scores, kept, component, 0, neurons, title=title, mode=mode)
    return figure.update_layout(height=230)


def strip(
    scores: np.ndarray,
    kept: np.ndarray,
    component: str,
    head_size: int,
    neurons: np.ndarray | None = None,
    *,
    title: str = "r_f",
    mode: str = "light",
) -> go.Figure:
    """Draw each neuron's score, by head where there are heads (else by rank): solid is kept, hollow is cut.

    `neurons`, shape (neurons,), holds their original indices; None means 0, 1, 2, … `title` names the scores.
    """
    colours = palette(mode)
    hue = colours.components[component]
    figure = blank(colours, height=230)
    neuron = np.arange(len(scores)) if neurons is None else neurons
    if head_size:
        # A fixed jitter by offset inside the head, so that a neuron stays where it was.
        place = neuron // head_size + 0.7 * ((neuron % head_size) / head_size - 0.5)
    else:
        place = np.empty(len(scores))
        place[np.argsort(-scores, kind="stable")] = np.arange(len(scores)) + 1
    for solid, mask in ((False, ~kept), (True, kept)):
        figure.add_scattergl(
            x=place[mask],
            y=np.where(scores[mask] > 0, scores[mask], np.nan),
            mode="markers",
            marker={
                "size": 5 if len(scores) < 1000 else 3.5,
                "color": hue if solid else "rgba(0,0,0,0)",
                "line": {"color": hue, "width": 1.1},
            },
            customdata=[[int(n), amount(float(score))] for n, score in zip(neuron[mask], scores[mask], strict=True)],
            hovertemplate="neuron %{customdata[0]}<br>" + title + " %{customdata[1]}<extra></extra>",
        )
    positive = scores[scores > 0]
    if len(positive):
        ticks = log_ticks(float(positive.min()), float(positive.max()))
        figure.update_yaxes(type="log", tickvals=ticks, ticktext=[amount(t, 1) for t in ticks], title_text=title)
    if head_size:
        figure.update_xaxes(tickvals=list(range(int(neuron[-1]) // head_size + 1)), title_text="head", nticks=0)
    else:
        figure.update_xaxes(title_text="rank")
    return figure
