"""The neurons of a cell as a table, most important first."""

from __future__ import annotations

from typing import Any

import numpy as np

from obce_core.analysis.analysis import Analysis
from obce_core.components import HEADED, LOCKED
from obce_core.criteria import criterion
from obce_core.criteria.rank import percentiles
from obce_core.figures.units import factor, title


def neuron_table(
    analysis: Analysis,
    layer: int,
    component: str,
    kept: np.ndarray | None,
    *,
    name: str = "r_f",
    edge_length: bool = False,
) -> dict[str, Any]:
    """Return columns by title, each of shape (neurons,), sorted by falling score.

    Head and offset are there for query, key and value only. `kept`, shape (neurons,), is what the plan keeps, None when
    it cannot be carried out. The percentile is that of `standing`;
    a neuron that is alone in its cell has none.
    """
    cell, neurons = analysis.cell(layer, component), analysis.neurons(layer, component)
    scores = analysis.scores(layer, component, name)
    order = np.argsort(-scores, kind="stable")
    place = {"head": neurons // analysis.shape.head_size, "offset": neurons % analysis.shape.head_size}
    by = factor(name, edge_length=edge_length)
    table: dict[str, Any] = {"neuron": neurons, **(place if component in HEADED else {})}
    table |= {title(name, edge_length=edge_length): by * scores} | (
        {"percentile in cell": percentiles(scores)} if len(scores) > 1 else {}
    )
    table |= {
        told: cell[column]
        for column, told in {"std": "std", "mean": "mean", "std_all": "std, all tokens"}.items()
        if column != name
    }
    if criterion(name).unit != "radius":
        table[title("r_f", edge_length=edge_length)] = factor("r_f", edge_length=edge_length) * cell["r_f"]
    table = {told: values[order] for told, values in table.items()}
    if component not in LOCKED:
        table["plan"] = np.full(len(order), "–") if kept is None else np.where(kept[order], "kept", "cut")
    return table
