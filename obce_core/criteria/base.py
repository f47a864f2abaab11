"""The interface of a criterion: one score per neuron of a cell; the smallest scores are cut first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Reads = Literal["cloud", "tokens", "weights", "seed"]

DEGENERATE = 1e-5
"""A cell is degenerate when no neuron's range exceeds this share of the cell's largest |output|."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellData:
    """The data of one cell that a criterion may read.

    `outputs` is the cloud, shape (texts, neurons); `std_all` the spread over all tokens, shape (neurons,); `weight`
    the rows of the linear map, shape (neurons, inputs).
    """

    layer: int
    component: str
    outputs: Float[np.ndarray, "texts neurons"]
    std_all: Float[np.ndarray, " neurons"]
    weight: Float[np.ndarray, "neurons inputs"]


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One row of the registry.

    `reads` says what the score is made from: the cloud of the analysis, all tokens, the weights, or a seed alone.
    `score` returns float64 of shape (neurons,); larger means more important.
    """

    name: str
    title: str
    definition: str
    unit: str
    reads: Reads
    score: Callable[[CellData], Float[np.ndarray, " neurons"]]

    def degenerate(self, columns: Mapping[str, np.ndarray]) -> bool:
        """Return True if this criterion cannot rank a cell, given the cell's importance columns.

        True when, over the outputs that it reads, no neuron's range exceeds 1e-5 of the cell's largest |output|. Over
        all tokens the range is not stored; twice the population std never exceeds it and stands in.
        """
        if not len(columns["max"]):  # an earlier cut left no neuron
            return True
        if self.reads == "cloud":
            widest = np.max(columns["max"] - columns["min"])
            largest = np.max(np.maximum(np.abs(columns["max"]), np.abs(columns["min"])))
        elif self.reads == "tokens":
            widest = 2 * np.max(columns["std_all"])
            largest = np.max(np.abs(columns["mean_all"]) + columns["std_all"])
        else:
            return False
        return bool(widest <= DEGENERATE * largest)
