"""The plan as a grid of layers by components: the data of the component in which it is edited."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from obce_core.analysis import Analysis
from obce_core.components import COMPONENTS, CUTTABLE, TITLES
from obce_core.figures.cellmap import SHORT
from obce_core.figures.theme import DARK, LIGHT
from obce_core.plan import Intent, Plan


def plan_grid(analysis: Analysis, intent: Intent, plan: Plan | None, *, linked: bool) -> dict[str, Any]:
    """Make the data of the grid: for each cell its percentile, its width, what is kept, and whether it can be cut."""
    shape = analysis.shape
    cells = []
    for layer in range(1, shape.layers + 1):
        for component in CUTTABLE:
            width = analysis.width(layer, component)
            cells.append(
                {
                    "layer": layer,
                    "component": component,
                    "title": TITLES[component],
                    "percentile": intent.percentile(layer, component),
                    "width": width,
                    "kept": width - (plan.cut(layer, component) if plan is not None else 0),
                    "equal": analysis.degenerate(layer, component, intent.criterion),
                }
            )
    return {
        "layers": list(range(1, shape.layers + 1)),
        "columns": [
            {"component": c, "title": SHORT.get(c, TITLES[c]), "light": LIGHT.components[c], "dark": DARK.components[c]} for c in CUTTABLE
        ],
        "locked": [TITLES[c] for c in COMPONENTS if c not in CUTTABLE],
        "cells": cells,
        "linked": linked,
    }


def plan_grid_assets() -> tuple[str, str]:
    """Return (css, js) of the component in which the plan is edited."""
    home = files("obce_core.figures")
    return home.joinpath("plangrid.css").read_text("utf-8"), home.joinpath("plangrid.js").read_text("utf-8")
