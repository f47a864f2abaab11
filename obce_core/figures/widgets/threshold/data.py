"""The distribution of a cell's scores with a threshold to drag: the data of lesson 5's figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from obce_core.figures.base import log_ticks
from obce_core.figures.theme import DARK, LIGHT
from obce_core.figures.widgets import widget_assets
from obce_core.formatting import amount


def threshold_data(
    scores: np.ndarray,
    component: str,
    percentile: float,
    *,
    neuron: tuple[int, float] | None = None,
    large: bool = False,
) -> dict[str, Any]:
    """Make the data of the hill: scores rising, ticks of the log axis, the percentile, the component's colours.

    `neuron` is one to be marked: its index and its score.
    """
    rising = np.sort(np.asarray(scores, dtype=np.float64))
    positive = rising[rising > 0]
    ticks = log_ticks(float(positive[0]), float(positive[-1])) if len(positive) else []
    return {
        "scores": rising.tolist(),
        "ticks": [[tick, amount(tick, 1)] for tick in ticks],
        "percentile": percentile,
        "neuron": list(neuron) if neuron else None,
        "light": LIGHT.components[component],
        "dark": DARK.components[component],
        "large": large,
    }


def threshold_assets() -> tuple[str, str]:
    """Return (css, js) of the component."""
    return widget_assets("threshold", "lesson_tools.js", "threshold/script.js")
