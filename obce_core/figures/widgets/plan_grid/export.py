"""The plan grid as a Plotly figure, for downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.base import blank, grid_axes
from obce_core.figures.theme import palette

_INSET = 0.03


def plan_figure(data: Mapping[str, Any], *, mode: str = "light") -> go.Figure:
    """Draw the data of `plan_grid`: percentile and cosine of each cell above a bar, kept solid and cut hatched.

    Locked columns are flat and grey; a cell with nothing to rank is dashed. A cosine that is being measured again is
    left out.
    """
    colours = palette(mode)
    layers, columns = data["layers"], data["columns"]
    figure = blank(colours, height=84 + 44 * len(layers))
    at = {column["component"]: place for place, column in enumerate(columns)}
    shapes, notes = [], []  # handed over at once: adding one by one takes seconds with 24 layers
    bars: dict[str, list[tuple[float, float, float, str]]] = {"kept": [], "cut": []}  # left, width, middle, colour
    for cell in data["cells"]:
        x, y = at[cell["component"]], layers.index(cell["layer"])
        shapes.append(_box(x, y, colours.faint if cell["equal"] else colours.hairline, dashed=cell["equal"]))
        words = (
            ("all equal" if cell["width"] else "cut")
            if cell["equal"]
            else f"P{cell['percentile']:g}"
            if cell["percentile"]
            else "–"
        )
        star = "*" if cell["hands"] else ""
        close = "" if cell["old"] or not cell["cosine"] else f"   {cell['cosine']}"
        notes.append(
            {
                "x": x,
                "y": y - 0.14,
                "showarrow": False,
                "text": f"{words}{star}{close}",
                "font": {
                    "size": 12,
                    "color": colours.muted if cell["equal"] or not cell["percentile"] else colours.ink,
                },
            }
        )
        if cell["width"]:
            wide = 0.88 * cell["kept"] / cell["width"]
            bars["kept"].append((x - 0.44, wide, y + 0.27, columns[x][mode]))
            bars["cut"].append((x - 0.44 + wide, 0.88 - wide, y + 0.27, columns[x][mode]))
    for x in range(len(columns), len(columns) + len(data["locked"])):
        shapes += [_box(x, y, colours.hairline, fill=colours.surface) for y in range(len(layers))]
        notes += [
            {"x": x, "y": y, "showarrow": False, "text": "locked", "font": {"size": 12, "color": colours.muted}}
            for y in range(len(layers))
        ]
    for kind, rows in bars.items():
        visible = [row for row in rows if row[1] > 0]
        own = [hue for *_, hue in visible]
        figure.add_bar(
            orientation="h",
            base=[row[0] for row in visible],
            x=[row[1] for row in visible],
            y=[row[2] for row in visible],
            width=0.16,
            name=kind,
            hoverinfo="skip",
            marker={
                "color": own if kind == "kept" else "rgba(0,0,0,0)",
                "line": {"color": own, "width": 0 if kind == "kept" else 1},
                "pattern": {} if kind == "kept" else {"shape": "/", "fgcolor": own, "size": 5, "solidity": 0.3},
            },
        )
    figure.add_scatter(  # shapes carry no hover and give no range: invisible points do
        x=[at[cell["component"]] for cell in data["cells"]],
        y=[layers.index(cell["layer"]) for cell in data["cells"]],
        mode="markers",
        marker={"opacity": 0, "size": 20},
        text=[
            f"Layer {cell['layer']}: {cell['kept']} of {cell['width']} kept<br>{cell['told']}" for cell in data["cells"]
        ],
        hovertemplate="%{text}<extra></extra>",
    )
    names = [column["title"] for column in columns] + [f"{name} (locked)" for name in data["locked"]]
    grid_axes(figure, names, layers)
    figure.update_layout(barmode="overlay", margin={"t": 32}, shapes=shapes, annotations=notes)
    return figure


def _box(x: float, y: float, line: str, *, fill: str = "rgba(0,0,0,0)", dashed: bool = False) -> dict[str, Any]:
    half = 0.5 - _INSET
    return {
        "type": "rect",
        "layer": "below",
        "x0": x - half,
        "x1": x + half,
        "y0": y - half,
        "y1": y + half,
        "fillcolor": fill,
        "line": {"width": 1, "color": line, "dash": "dash" if dashed else "solid"},
    }
