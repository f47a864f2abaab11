"""A cell's scores with a percentile line as a Plotly figure, for the downloads of lesson 5."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from obce_core.figures.theme import palette
from obce_core.figures.units import title
from obce_core.figures.widgets.cell_view.export import distribution


def threshold_figure(
    scores: np.ndarray, kept: np.ndarray, component: str, percentile: float, *, mode: str = "light"
) -> go.Figure:
    """Draw the histogram of a cell's scores, cut neurons hollow, with a line at `percentile` (0 to 100)."""
    colours = palette(mode)
    figure = distribution(scores, kept, component, title=title("r_f"), marks=(), mode=mode).update_layout(height=340)
    value = float(np.percentile(scores, percentile))
    if value > 0:
        figure.add_vline(x=float(np.log10(value)), line={"color": colours.ink, "width": 2})
        figure.add_annotation(
            x=float(np.log10(value)),
            y=1.0,
            yref="y domain",
            yanchor="bottom",
            showarrow=False,
            text=f"<b>P{percentile:g}</b>",
            font={"size": 13, "color": colours.ink},
        )
    return figure
