"""The map of layers by components: an importance summary in each cell, its distribution as a hill."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np

from obce_core.analysis import Analysis
from obce_core.components import COMPONENTS, LOCKED, TITLES
from obce_core.criteria import criterion
from obce_core.figures.numbers import amount
from obce_core.figures.theme import DARK, LIGHT, ink_on, ramp

AGGREGATES = ("median", "mean", "IQR")
SHORT = {"attention_output": "Att. out", "intermediate": "Intermed."}
_BINS = 28
_HILLS = 12
"""With more layers the rows are too low for hills."""


def cell_map(analysis: Analysis, name: str = "r_f", aggregate: str = "median") -> dict[str, Any]:
    """Make the data of the map: for each cell its number, its colours in both modes, and its hill on a shared log axis.

    A cell whose neurons all see equal outputs is marked, and has neither number nor hill.
    """
    layers = range(1, analysis.shape.layers + 1)
    scores = {(layer, c): analysis.scores(layer, c, name) for layer in layers for c in COMPONENTS}
    equal = {cell for cell in scores if analysis.degenerate(*cell, name)}
    numbers = {cell: summarize(values, aggregate) for cell, values in scores.items() if cell not in equal}
    positive = [value for value in numbers.values() if value > 0]
    low, high = (min(positive), max(positive)) if positive else (1.0, 1.0)
    everything = [values[values > 0] for cell, values in scores.items() if cell not in equal]
    joined = np.concatenate(everything) if everything else np.ones(1)
    low_edge, high_edge = (float(np.log10(np.quantile(joined, q))) if joined.size else 0.0 for q in (0.002, 0.998))
    edges = np.linspace(low_edge, high_edge + 1e-9, _BINS + 1)
    cells = []
    for layer in layers:
        for component in COMPONENTS:
            cell = (layer, component)
            entry: dict[str, Any] = {"layer": layer, "component": component, "locked": component in LOCKED}
            if cell in equal:
                entry |= {"equal": True, "label": f"Layer {layer}, {TITLES[component]}: every text gives the same value"}
            else:
                entry |= _coloured(numbers[cell], low, high)
                entry["label"] = f"Layer {layer}, {TITLES[component]}: {aggregate} {criterion(name).title} {amount(numbers[cell], 2)}"
                entry["hill"] = _hill(scores[cell], edges)
            cells.append(entry)
    return {
        "layers": list(layers),
        "columns": [
            {
                "component": c,
                "title": SHORT.get(c, TITLES[c]),
                "locked": c in LOCKED,
                "light": LIGHT.components[c],
                "dark": DARK.components[c],
            }
            for c in COMPONENTS
        ],
        "cells": cells,
        "legend": {
            "low": amount(low, 2),
            "high": amount(high, 2),
            "text": f"{aggregate} {criterion(name).title}, log" + ("; hill: all its neurons" if analysis.shape.layers <= _HILLS else ""),
            "light": list(LIGHT.sequence),
            "dark": list(DARK.sequence),
        },
    }


def summarize(values: np.ndarray, aggregate: str) -> float:
    """Reduce a cell's scores to one number: `median`, `mean` or `IQR`."""
    if aggregate == "mean":
        return float(np.mean(values))
    if aggregate == "IQR":
        low, high = np.quantile(values, [0.25, 0.75])
        return float(high - low)
    return float(np.median(values))


def cell_map_assets() -> tuple[str, str]:
    """Return (css, js) of the component that draws the map."""
    home = files("obce_core.figures")
    return home.joinpath("cellmap.css").read_text("utf-8"), home.joinpath("cellmap.js").read_text("utf-8")


def _coloured(value: float, low: float, high: float) -> dict[str, Any]:
    place = 0.5 if high <= low or value <= 0 else float(np.log(value / low) / np.log(high / low))
    light, dark = ramp(LIGHT.sequence, place), ramp(DARK.sequence, place)
    return {
        "text": amount(value, 2),
        "light": light,
        "dark": dark,
        "ink_light": ink_on(light),
        "ink_dark": ink_on(dark),
    }


def _hill(values: np.ndarray, edges: np.ndarray) -> list[float]:
    """Return the smoothed histogram of a cell's scores on the shared log axis, its top at 1."""
    heights, _ = np.histogram(np.log10(values[values > 0]), bins=edges)
    smooth = np.convolve(heights, [0.25, 0.5, 0.25], mode="same")
    return [round(float(h), 3) for h in smooth / max(smooth.max(), 1e-12)]
