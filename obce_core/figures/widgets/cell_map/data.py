"""The map of layers by components: a summary of importance in each cell, with its distribution as a small density."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.ranking import AGGREGATES, MANY, NEAR_RULE, near_zero, summarize
from obce_core.components import COMPONENTS, LOCKED, TITLES
from obce_core.figures.theme import DARK, LIGHT, ink_on, ramp
from obce_core.figures.units import factor, title
from obce_core.figures.widgets import widget_assets
from obce_core.formatting import amount, share
from obce_core.storage.digests import digest

__all__ = [
    "AGGREGATES",
    "SCALES",
    "SHORT",
    "cell_map",
    "cell_map_assets",
    "columns",
    "extremes",
    "inked",
    "spread",
    "summarize",
    "written",
]

SCALES = ("log", "linear")
SHORT = {"attention_output": "Att. out", "intermediate": "Intermed."}
_BINS = 28
_HILLS = 12
"""With more layers the rows are too low for hills."""


def cell_map(
    analysis: Analysis,
    name: str = "r_f",
    aggregate: str = "median",
    *,
    below: float = 0.0,
    scale: str = "log",
    edge_length: bool = False,
    limits: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Make the data of the map: for each cell its number, its colours in both modes, and its hill on a shared log axis.

    A cell whose neurons all see equal outputs is marked, and has neither number nor hill; one with many
    scores near zero (`ranking.MANY`) is marked too. `limits` are the numbers at the two ends of the colours (of two
    maps that stand side by side); None takes the smallest and the largest.
    """
    layers = range(1, analysis.shape.layers + 1)
    by = factor(name, edge_length=edge_length)
    equal = {(layer, c) for layer in layers for c in COMPONENTS if analysis.degenerate(layer, c, name)}
    scores = {
        (layer, c): by * analysis.scores(layer, c, name)
        for layer in layers
        for c in COMPONENTS
        if (layer, c) not in equal
    }
    numbers = {cell: summarize(values, aggregate, below=below) for cell, values in scores.items()}
    low, high = limits or spread(numbers.values(), scale)
    edges = _hill_edges([values[values > 0] for values in scores.values()])
    caption = what(name, aggregate, below=below, edge_length=edge_length)
    cells = []
    for layer in layers:
        for component in COMPONENTS:
            cell = (layer, component)
            entry: dict[str, Any] = {"layer": layer, "component": component, "locked": component in LOCKED}
            if cell in equal:
                why = (
                    "every text gives the same value"
                    if analysis.width(layer, component)
                    else "an earlier cut left no neuron"
                )
                entry |= {
                    "equal": "all equal" if analysis.width(layer, component) else "cut",
                    "label": f"{_place(*cell)}: {why}",
                }
            else:
                near = near_zero(scores[cell])
                close = near >= MANY
                entry |= _coloured(numbers[cell], low, high, scale) | {
                    "text": written(numbers[cell], aggregate),
                    "near": close,
                }
                entry |= {"value": numbers[cell], "near_share": near}
                entry["label"] = f"{_place(*cell)}: {caption} {entry['text']}" + (
                    f", {share(near, 0)} of its values near zero" if close else ""
                )
                if analysis.shape.layers <= _HILLS:
                    entry["hill"] = _hill(scores[cell], edges)
            cells.append(entry)
    hills = "; hill: all its neurons" if analysis.shape.layers <= _HILLS else ""
    data = {
        "layers": list(layers),
        "columns": columns(),
        "cells": cells,
        "limits": [low, high],
        "legend": {
            "low": written(low, aggregate),
            "high": written(high, aggregate),
            "what": caption,
            "text": f"{caption}, {scale} colours{hills}",
            "near": f"at least {share(MANY, 0)} of its values near zero: {NEAR_RULE}"
            if any(c.get("near") for c in cells)
            else "",
            "light": list(LIGHT.sequence),
            "dark": list(DARK.sequence),
        },
    }
    return data | {"signature": digest(data)[:16]}


def what(name: str, aggregate: str, *, below: float = 0.0, edge_length: bool = False) -> str:
    """Name the number of a cell, with its unit.

    >>> what("r_f", "median"), what("r_f", "share under", below=0.002, edge_length=True)
    ('median r_f (radius)', 'share of r_f (edge length) under 0.00200')
    """
    of = title(name, edge_length=edge_length)
    return f"share of {of} under {amount(below)}" if aggregate == "share under" else f"{aggregate} {of}"


def extremes(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the cells with the smallest and the largest number among those that can be cut, or None."""
    cells = [cell for cell in data["cells"] if not cell["locked"] and not cell.get("equal")]
    if not cells:
        return None
    return min(cells, key=lambda cell: cell["value"]), max(cells, key=lambda cell: cell["value"])


def spread(numbers: Any, scale: str) -> tuple[float, float]:
    """Return the ends of the colour scale: positive numbers on a log scale, 0 and the largest on a linear one."""
    known_values = [float(value) for value in numbers if scale == "linear" or value > 0]
    if not known_values:
        return (0.0, 1.0) if scale == "linear" else (1.0, 1.0)
    return (min(0.0, *known_values) if scale == "linear" else min(known_values)), max(known_values)


def written(value: float, aggregate: str) -> str:
    """Write a summary as a cell shows it: two digits, a share in percent."""
    return share(value) if aggregate == "share under" else amount(value, 2)


def columns() -> list[dict[str, Any]]:
    """Describe the six columns of a map."""
    return [
        {
            "component": c,
            "title": SHORT.get(c, TITLES[c]),
            "full": TITLES[c],
            "locked": c in LOCKED,
            "light": LIGHT.components[c],
            "dark": DARK.components[c],
        }
        for c in COMPONENTS
    ]


def cell_map_assets() -> tuple[str, str]:
    """Return (css, js) of the component that draws the map."""
    return widget_assets("cell_map")


def inked(light: str, dark: str, at: float) -> dict[str, Any]:
    """Return a cell's background and text colour in both modes; `at` is its position on the scale."""
    return {"light": light, "dark": dark, "ink_light": ink_on(light), "ink_dark": ink_on(dark), "at": round(at, 4)}


def _place(layer: int, component: str) -> str:
    return f"Layer {layer}, {TITLES[component]}"


def _coloured(value: float, low: float, high: float, scale: str) -> dict[str, Any]:
    if scale == "linear":
        at = (value - low) / (high - low) if high > low else 0.5
    elif value <= 0:
        at = 0.0
    else:
        at = math.log(value / low) / math.log(high / low) if high > low else 0.5
    return inked(ramp(LIGHT.sequence, at), ramp(DARK.sequence, at), at)


def _hill_edges(positive: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(positive) if positive else np.ones(1)
    low, high = (float(np.log10(np.quantile(joined, q))) if joined.size else 0.0 for q in (0.01, 0.999))
    return np.linspace(low, high + 1e-9, _BINS + 1)


def _hill(values: np.ndarray, edges: np.ndarray) -> list[float]:
    """Return the smoothed histogram of a cell's scores on the shared log axis, scaled to a maximum of 1."""
    heights, _ = np.histogram(np.clip(np.log10(values[values > 0]), edges[0], edges[-1]), bins=edges)
    smooth = np.convolve(heights, [0.25, 0.5, 0.25], mode="same")
    return [round(float(h), 3) for h in smooth / max(smooth.max(), 1e-12)]
