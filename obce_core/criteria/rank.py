"""The rank of one neuron in its cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The rank of a score among the `of` scores of its cell: 1 is the largest, and equal scores share the best rank.

    `percentile` is the smallest xx for which Pxx removes the neuron, 0 for the smallest score and 100 for the largest:
    the share of the other neurons that lie below. None when the cell has one neuron.
    """

    rank: int
    of: int
    percentile: float | None
    median: float


def percentiles(scores: np.ndarray) -> np.ndarray:
    """Return the percentile of every score of a cell, shape (neurons,); NaN in a cell of one neuron.

    >>> percentiles(np.array([1.0, 3.0, 2.0])).tolist()
    [0.0, 100.0, 50.0]
    """
    values = np.asarray(scores, dtype=np.float64)
    if len(values) < 2:
        return np.full(len(values), np.nan)
    return 100.0 * np.searchsorted(np.sort(values), values, side="left") / (len(values) - 1)


def standing(scores: np.ndarray, at: int) -> Standing:
    """Place the score at `at` among the scores of its cell, shape (neurons,).

    >>> standing(np.array([1.0, 3.0, 2.0]), 1)
    Standing(rank=1, of=3, percentile=100.0, median=2.0)
    """
    values = np.asarray(scores, dtype=np.float64)
    below = int((values < values[at]).sum())
    return Standing(
        rank=int((values > values[at]).sum()) + 1,
        of=len(values),
        percentile=100 * below / (len(values) - 1) if len(values) > 1 else None,
        median=float(np.median(values)),
    )
