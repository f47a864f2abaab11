"""A plan's percentiles as a table to type in: a row a layer, a column a component."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.plan.parts import left_whole
from obce_core.plan.spec import PruneSpec


def plan_rows(analysis: Analysis, prune_spec: PruneSpec) -> list[dict[str, Any]]:
    """Return a row for each layer: its number, and the percentile of each component; 0 is whole, None cannot be cut."""
    return [
        {"layer": layer}
        | {
            name: prune_spec.percentile(layer, name) if _rankable(analysis, prune_spec, layer, name) else None
            for name in CUTTABLE
        }
        for layer in range(1, analysis.shape.layers + 1)
    ]


def read_rows(
    analysis: Analysis, prune_spec: PruneSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[PruneSpec, tuple[str, ...]]:
    """Return the intent with the percentiles of a typed table, and what could not be taken, in words.

    An empty field is whole.

    Raises:
        PlanError: a percentile outside 0 to 100.
    """
    cells: dict[tuple[int, str], float] = {}
    notes = []
    for row in rows:
        layer = int(row["layer"])
        for name in CUTTABLE:
            value = row.get(name)
            if value is None or math.isnan(value) or not value:
                continue
            if _rankable(analysis, prune_spec, layer, name):
                cells[layer, name] = float(value)
            else:
                notes.append(left_whole(analysis, layer, name))
    return replace(prune_spec, cells={}).with_cells(cells), tuple(notes)


def _rankable(analysis: Analysis, prune_spec: PruneSpec, layer: int, component: str) -> bool:
    return analysis.width(layer, component) > 0 and not analysis.degenerate(layer, component, prune_spec.criterion)
