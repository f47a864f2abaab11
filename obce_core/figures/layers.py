"""Parameters of each layer before and after a cut: solid is left, hatched is cut, by component."""

from __future__ import annotations

import plotly.graph_objects as go

from obce_core.components import COMPONENTS, TITLES
from obce_core.figures.base import blank, size_ticks
from obce_core.figures.theme import palette
from obce_core.figures.widgets.cell_map.data import SHORT
from obce_core.formatting import count
from obce_core.plan.size_table import SizeTable


def layers(size_table: SizeTable, *, mode: str = "light") -> go.Figure:
    """Draw one bar a layer, as long as the uncut layer: what is left by component, then the part that was cut."""
    colours = palette(mode)
    rows = {(entry.layer, entry.component): entry for entry in size_table.entries}
    numbers = sorted({entry.layer for entry in size_table.entries})
    figure = blank(colours, height=96 + 27 * len(numbers))
    names = [str(layer) for layer in numbers]
    for component in COMPONENTS:
        entries = [rows[layer, component] for layer in numbers]
        figure.add_bar(
            y=names,
            x=[entry.parameters_left for entry in entries],
            name=SHORT.get(component, TITLES[component]),
            orientation="h",
            marker={"color": colours.components[component], "line": {"width": 0}},
            customdata=[[count(entry.parameters_left), count(entry.parameters)] for entry in entries],
            hovertemplate="layer %{y}, "
            + TITLES[component].lower()
            + "<br>%{customdata[0]} of %{customdata[1]} parameters<extra></extra>",
        )
    cut = [sum(rows[layer, c].parameters - rows[layer, c].parameters_left for c in COMPONENTS) for layer in numbers]
    figure.add_bar(
        y=names,
        x=cut,
        name="cut",
        orientation="h",
        marker={
            "color": "rgba(0,0,0,0)",
            "line": {"color": colours.faint, "width": 1},
            "pattern": {"shape": "/", "fgcolor": colours.faint, "size": 6, "solidity": 0.25},
        },
        customdata=[count(value) for value in cut],
        hovertemplate="layer %{y}: %{customdata} parameters cut<extra></extra>",
    )
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal", "itemwidth": 30}
    figure.update_layout(
        barmode="stack", bargap=0.28, showlegend=True, legend=legend, legend_font={"size": 12, "color": colours.muted}
    )
    whole = max(sum(rows[layer, c].parameters for c in COMPONENTS) for layer in numbers)
    figure.update_yaxes(
        autorange="reversed", showgrid=False, type="category", title_text="layer", ticklabelstandoff=6, nticks=0
    )
    figure.update_xaxes(**size_ticks(0, whole), title_text="parameters", showline=True)
    return figure
