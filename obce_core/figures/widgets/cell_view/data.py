"""One cell: the histogram of its scores, and its neurons by head or by rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from obce_core.components import HEADED, TITLES
from obce_core.figures.base import log_ticks
from obce_core.figures.theme import DARK, LIGHT
from obce_core.figures.units import factor, title
from obce_core.figures.widgets import widget_assets
from obce_core.figures.widgets.cell_view.export import MARKS
from obce_core.formatting import amount

_BINS = 36


def cell_view(
    scores: np.ndarray,
    kept: np.ndarray,
    neurons: np.ndarray,
    layer: int,
    component: str,
    *,
    head_size: int,
    name: str = "r_f",
    percentile: float = 0,
    selected: int | None = None,
    edge_length: bool = False,
) -> dict[str, Any]:
    """Make the data of the component from one cell alone.

    `scores`, `kept` and `neurons` (original indices) have shape (neurons,); `percentile` is the plan's, 0 for none.
    Scores of 0 have no place on the log axes and are counted in `zeros`.
    """
    visible = factor(name, edge_length=edge_length) * scores
    positive = visible > 0
    low, high = (float(visible[positive].min()), float(visible[positive].max())) if positive.any() else (0.0, 0.0)
    edges, bars = histogram(visible, kept)
    ticks = log_ticks(low, high)
    return {
        "title": f"Layer {layer}, {TITLES[component]}",
        "criterion": title(name, edge_length=edge_length),
        "light": LIGHT.components[component],
        "dark": DARK.components[component],
        "neurons": neurons.tolist(),
        "scores": [float(f"{value:.4g}") for value in visible],
        "kept": "".join("1" if keep else "0" for keep in kept),
        "head_size": head_size if component in HEADED else 0,
        "zeros": int((~positive).sum()),
        "low": low,
        "high": high,
        "edges": edges,
        "bars": bars,
        "marks": [
            {"text": f"P{mark}", "value": value, "cut": mark == percentile}
            for mark in sorted({*MARKS, *([percentile] if percentile else [])})
            if (value := float(np.percentile(visible, mark))) > 0
        ],
        "ticks": [[tick, amount(tick, 1)] for tick in ticks],
        "selected": selected,
    }


def histogram(scores: np.ndarray, kept: np.ndarray) -> tuple[list[float], list[list[int]]]:
    """Count positive scores in 36 equal steps of a log axis: 37 edges, and [cut, kept] per step."""
    positive = scores > 0
    logs = np.log10(scores, where=positive, out=np.zeros(len(scores)))
    if positive.sum() < 2 or np.ptp(logs[positive]) <= 0:
        return [], []
    edges = np.linspace(logs[positive].min(), logs[positive].max() + 1e-9, _BINS + 1)
    parts = [np.histogram(logs[positive & mask], bins=edges)[0] for mask in (~kept, kept)]
    return [float(f"{10**edge:.5g}") for edge in edges], np.stack(parts, axis=1).tolist()


def cell_view_assets() -> tuple[str, str]:
    """Return (css, js) of the component that draws one cell."""
    return widget_assets("cell_view")
