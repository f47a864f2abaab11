"""Criteria from the barcode of a neuron's outputs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from obce_core.criteria.base import CellData, Criterion
from obce_core.topology import line_deaths, line_r_f


def _r_f(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return line_r_f(cell.outputs)


def _total_persistence(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return (line_deaths(cell.outputs) ** 2).sum(axis=1)


R_F = Criterion(
    name="r_f",
    title="r_f",
    definition="half of the widest gap between the neuron's outputs: the radius at which all texts are one piece "
    "(paper)",
    unit="radius",
    reads="cloud",
    score=_r_f,
)
TOTAL_PERSISTENCE = Criterion(
    name="total_persistence",
    title="Total persistence",
    definition="sum of squared deaths (p = 2; with p = 1 it would be half the range on a line)",
    unit="radius squared",
    reads="cloud",
    score=_total_persistence,
)
