"""The grid of layers by components in which a plan is edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from obce_core import formatting
from obce_core.analysis.analysis import Analysis
from obce_core.components import COMPONENTS, CUTTABLE, TITLES
from obce_core.figures.theme import DARK, LIGHT
from obce_core.figures.widgets import widget_assets
from obce_core.figures.widgets.cell_map.data import SHORT
from obce_core.plan import Plan, PruneSpec


@dataclass(frozen=True, kw_only=True)
class Closeness:
    """The fidelity of one cell's cut: its cosine (None: unknown), whether it is outdated, and why it is missing."""

    cosine: float | None = None
    old: bool = False
    reason: str = ""

    @property
    def words(self) -> str:
        """Say it in a sentence, for titles and labels."""
        if self.cosine is not None and not self.old:
            return f"Cosine {decimal(self.cosine)} when this cell alone is cut"
        return f"Cosine not measured: {self.reason}" if self.reason else "Cosine being measured"


def decimal(cosine: float) -> str:
    """Write a cosine for a small cell: 0.979 is ".979", 0.99972 is "1.000"."""
    return formatting.cosine(cosine).replace("0.", ".", 1) if abs(cosine) < 0.9995 else formatting.cosine(cosine)


def plan_grid(
    analysis: Analysis,
    prune_spec: PruneSpec,
    plan: Plan | None,
    *,
    linked: bool,
    close: Mapping[tuple[int, str], Closeness] | None = None,
) -> dict[str, Any]:
    """Make the data of the grid: for each cell its percentile, its width, what is kept, what is known of its cost, and
    whether it can be cut."""
    shape = analysis.shape
    hands = Counter((hand.layer, hand.component) for hand in (*prune_spec.keep, *prune_spec.drop) for _ in hand.neurons)
    cells = []
    for layer in range(1, shape.layers + 1):
        for component in CUTTABLE:
            width = analysis.width(layer, component)
            known = (close or {}).get((layer, component), Closeness())
            percentile = prune_spec.percentile(layer, component)
            cells.append(
                {
                    "layer": layer,
                    "component": component,
                    "percentile": int(percentile) if percentile.is_integer() else percentile,
                    "width": width,
                    "kept": width - (plan.cut(layer, component) if plan is not None else 0),
                    "equal": analysis.degenerate(layer, component, prune_spec.criterion) or not width,
                    "hands": hands[layer, component],
                    "cosine": "" if known.cosine is None else decimal(known.cosine),
                    "old": known.old,
                    "told": known.words,
                }
            )
    columns = [
        {
            "component": c,
            "title": SHORT.get(c, TITLES[c]),
            "name": TITLES[c],
            "light": LIGHT.components[c],
            "dark": DARK.components[c],
        }
        for c in CUTTABLE
    ]
    return {
        "layers": list(range(1, shape.layers + 1)),
        "columns": columns,
        "locked": [TITLES[c] for c in COMPONENTS if c not in CUTTABLE],
        "cells": cells,
        "linked": linked,
    }


def plan_grid_assets() -> tuple[str, str]:
    """Return (css, js) of the component in which the plan is edited."""
    return widget_assets("plan_grid")
