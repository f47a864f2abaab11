"""The map as lines over the layers, one a component: the paper's Figure 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from obce_core.components import LOCKED, TITLES
from obce_core.figures.base import blank, log_ticks
from obce_core.figures.theme import palette
from obce_core.figures.widgets.cell_map.data import SHORT, written
from obce_core.formatting import amount

_HEIGHT = 430
_GAP = 17 / (_HEIGHT - 60)
"""Names at the right end stand at least this share of the axis apart."""


def lines(
    data: Mapping[str, Any],
    *,
    aggregate: str = "median",
    scale: str = "log",
    selected: tuple[int, str] | None = None,
    limits: tuple[float, float] | None = None,
    mode: str = "light",
) -> go.Figure:
    """Draw the data of `cell_map` over the layers: component colours, locked ones dotted, names at the right end.

    A degenerate cell has no point, and its line a gap. Points carry (layer, component) as custom data. `limits` are the
    ends of the axis, for two figures that stand side by side.
    """
    colours = palette(mode)
    figure = blank(colours, height=_HEIGHT)
    values = {(cell["layer"], cell["component"]): cell["value"] for cell in data["cells"] if not cell.get("equal")}
    visible = {cell: value for cell, value in values.items() if scale == "linear" or value > 0}
    low, high = limits or (data["limits"][0], data["limits"][1])
    pad = 0.06
    ends = [low, high] if scale == "linear" else [np.log10(max(low, 1e-300)), np.log10(max(high, 1e-300))]
    if ends[1] <= ends[0]:
        ends = [ends[0] - 0.5, ends[0] + 0.5]
    bottom, top = ends[0] - pad * (ends[1] - ends[0]), ends[1] + pad * (ends[1] - ends[0])
    last: dict[str, float] = {}
    for column in data["columns"]:
        component = column["component"]
        numbers = [visible.get((layer, component)) for layer in data["layers"]]
        known_values = [number for number in numbers if number is not None]
        if not known_values:
            continue
        y = np.array(
            [np.nan if number is None else number if scale == "linear" else np.log10(number) for number in numbers]
        )
        last[component] = float(y[~np.isnan(y)][-1])
        figure.add_scatter(
            x=data["layers"],
            y=y,
            name=TITLES[component],
            mode="lines+markers",
            line={
                "color": colours.components[component],
                "width": 2,
                "dash": "dot" if component in LOCKED else "solid",
            },
            marker={
                "opacity": 1,
                "size": [11 if selected == (layer, component) else 6 for layer in data["layers"]],
                "line": {
                    "width": [2 if selected == (layer, component) else 0 for layer in data["layers"]],
                    "color": colours.ink,
                },
            },
            customdata=[
                [layer, component, "" if n is None else written(n, aggregate)]
                for layer, n in zip(data["layers"], numbers, strict=True)
            ],
            hovertemplate=f"Layer %{{x}} · {TITLES[component]}<br>%{{customdata[2]}}<extra></extra>",
            unselected={"marker": {"opacity": 1}},
        )
    for component, place in zip(last, apart([(last[c] - bottom) / (top - bottom) for c in last], _GAP), strict=True):
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=6,
            y=bottom + place * (top - bottom),
            yanchor="middle",
            showarrow=False,
            text=SHORT.get(component, TITLES[component]),
            font={"size": 12.5, "color": colours.ink},
        )
        figure.add_shape(
            type="line",
            x0=data["layers"][-1],
            x1=data["layers"][-1] + 0.3,
            y0=last[component],
            y1=bottom + place * (top - bottom),
            line={"color": colours.components[component], "width": 0.8},
        )
    if scale == "log":
        ticks = log_ticks(10**bottom, 10**top)
        figure.update_yaxes(
            tickvals=[float(np.log10(tick)) for tick in ticks], ticktext=[_tick(tick, aggregate) for tick in ticks]
        )
    else:
        ticks = [float(tick) for tick in np.linspace(ends[0], ends[1], 5)]
        figure.update_yaxes(tickvals=ticks, ticktext=[written(tick, aggregate) for tick in ticks])
    every = 1 if len(data["layers"]) <= 12 else 2
    figure.update_yaxes(range=[bottom, top], title_text=f"{data['legend']['what']}, {scale} scale")
    figure.update_xaxes(
        tickvals=data["layers"][::every],
        ticktext=[str(layer) for layer in data["layers"][::every]],
        title_text="layer",
        range=[0.7, len(data["layers"]) + 0.3],
        nticks=0,
    )
    figure.update_layout(margin={"r": 76, "t": 12}, clickmode="event+select", hovermode="closest")
    return figure


def _tick(value: float, aggregate: str) -> str:
    return written(value, aggregate) if aggregate == "share under" else amount(value, 1)


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Move places (shares of an axis) as little as needed so that none stand nearer than `gap`; their order stays.

    >>> [round(p, 2) for p in apart([0.5, 0.52, 0.9], 0.1)]
    [0.46, 0.56, 0.9]
    """
    order = np.argsort(places, kind="stable")
    groups: list[list[float]] = []  # [middle, count]
    for at in order:
        groups.append([float(places[at]), 1])
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            middle, count = groups.pop()
            before = groups[-1]
            before[0] = (before[0] * before[1] + middle * count) / (before[1] + count)
            before[1] += count
    spread = [middle + gap * (i - (count - 1) / 2) for middle, count in groups for i in range(int(count))]
    offsets = [0.0] * len(places)
    for at, place in zip(order, spread, strict=True):
        offsets[at] = place
    return offsets
