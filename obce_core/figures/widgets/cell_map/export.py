"""The map as a Plotly figure, for downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.base import blank, grid_axes
from obce_core.figures.theme import palette


def map_figure(data: Mapping[str, Any], *, heading: str = "", mode: str = "light") -> go.Figure:
    """Draw the data of `cell_map` or `difference_map` with the same colours; cells without a number are hatched."""
    colours = palette(mode)
    layers, columns = data["layers"], data["columns"]
    row_height = 44 if len(layers) <= 12 else 26
    figure = blank(colours, height=96 + row_height * len(layers))
    shapes, notes = [], []  # handed over at once: adding one by one takes seconds with 24 layers
    at = {name["component"]: place for place, name in enumerate(columns)}
    for cell in data["cells"]:
        x, y = at[cell["component"]], layers.index(cell["layer"])
        plain = bool(cell.get("equal"))
        shapes.append(
            {
                "type": "rect",
                "x0": x - 0.48,
                "x1": x + 0.48,
                "y0": y - 0.46,
                "y1": y + 0.46,
                "fillcolor": "rgba(0,0,0,0)" if plain else cell[mode],
                "line": {"width": 1 if plain else 0, "color": colours.faint, "dash": "dash"},
            }
        )
        notes.append(
            {
                "x": x,
                "y": y,
                "showarrow": False,
                "text": cell["equal"] if plain else cell["text"] + (" ≈0" if cell.get("near") else ""),
                "font": {"size": 12, "color": colours.muted if plain else cell[f"ink_{mode}"]},
            }
        )
    # Shapes carry no hover and give no range: invisible points do.
    figure.add_scatter(
        x=[at[cell["component"]] for cell in data["cells"]],
        y=[layers.index(cell["layer"]) for cell in data["cells"]],
        mode="markers",
        marker={"opacity": 0, "size": 20},
        text=[cell["label"] for cell in data["cells"]],
        hovertemplate="%{text}<extra></extra>",
    )
    titles = [name["title"] + (" (locked)" if name["locked"] else "") for name in columns]
    grid_axes(figure, titles, layers)
    legend = data["legend"]
    notes.append(
        {
            "x": 0,
            "y": 0,
            "xref": "paper",
            "yref": "paper",
            "yanchor": "top",
            "xanchor": "left",
            "yshift": -8,
            "showarrow": False,
            "text": f"{heading + ': ' if heading else ''}{legend['low']} to {legend['high']}, "
            f"{legend['text'].split(';')[0]}",
            "font": {"size": 12, "color": colours.muted},
        }
    )
    figure.update_layout(margin={"b": 40, "t": 32}, shapes=shapes, annotations=notes)
    return figure
