"""Criteria from the spread of a neuron's outputs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from obce_core.criteria.base import CellData, Criterion


def _std(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return cell.outputs.std(axis=0, dtype=np.float64)


def _std_all(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return cell.std_all.astype(np.float64)


def _range(cell: CellData) -> Float[np.ndarray, " neurons"]:
    return cell.outputs.max(axis=0).astype(np.float64) - cell.outputs.min(axis=0)


STD = Criterion(
    name="std",
    title="std",
    definition="standard deviation of the cloud's values (population, ddof 0)",
    unit="output",
    reads="cloud",
    score=_std,
)
STD_ALL = Criterion(
    name="std_all",
    title="std, all tokens",
    definition="standard deviation over every token of every text (population, ddof 0)",
    unit="output",
    reads="tokens",
    score=_std_all,
)
RANGE = Criterion(
    name="range",
    title="Range",
    definition="largest minus smallest value of the cloud",
    unit="output",
    reads="cloud",
    score=_range,
)
