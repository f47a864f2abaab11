"""A boundary matrix as a Plotly figure, for the download next to the lessons' matrices."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from obce_core.figures.base import blank
from obce_core.figures.theme import palette
from obce_core.topology import Complex, Simplex


def matrix_figure(found: Complex, dim: int, name: Callable[[Simplex], str], *, mode: str = "light") -> go.Figure:
    """Draw the boundary matrix of dimension 1 or 2 over Z/2, a row a face, a column a simplex: ink is 1."""
    colours = palette(mode)
    faces, simplices = found.of(dim - 1), found.of(dim)
    figure = blank(colours, height=max(200, min(1200, 90 + 20 * len(faces))))
    figure.add_heatmap(
        z=found.boundary(dim).tolist(),
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
        colorscale=[[0, colours.surface], [1, colours.ink]],
        hoverinfo="skip",
    )
    for update, labels in ((figure.update_xaxes, simplices), (figure.update_yaxes, faces)):
        every = max(1, len(labels) // 60)
        update(
            tickvals=list(range(0, len(labels), every)),
            ticktext=[name(label) for label in labels[::every]],
            nticks=0,
            showgrid=False,
        )
    figure.update_xaxes(side="top", title_text=("edge", "triangle")[dim - 1])
    figure.update_yaxes(autorange="reversed", title_text=("point", "edge")[dim - 1])
    return figure
