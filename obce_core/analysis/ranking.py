"""Ranks of the scores of a cell: the agreement of two rankings, and rankings without meaning. Numpy only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from obce_core.formatting import share

NEAR = 0.01
"""A score is near zero below this share of its cell's 99th percentile."""

NEAR_RULE = f"below {share(NEAR, 0)} of the cell's 99th percentile"
"""The same in words, for everything that shows a share of near-zero scores."""

MANY = 0.2
"""From this share of near-zero scores on, a cell is marked."""

AGGREGATES = ("median", "mean", "IQR", "share under")
"""The numbers to which a cell's scores can be reduced."""


def summarize(values: Float[np.ndarray, " neurons"], aggregate: str, *, below: float = 0.0) -> float:
    """Reduce the scores of a cell to one number: `median`, `mean`, `IQR`, or `share under` a value (0 to 1, strictly).

    >>> summarize(np.array([1.0, 2.0, 3.0, 10.0]), "share under", below=3.0)
    0.5
    """
    if aggregate == "mean":
        return float(np.mean(values))
    if aggregate == "IQR":
        low, high = np.quantile(values, [0.25, 0.75])
        return float(high - low)
    if aggregate == "share under":
        return float(np.mean(values < below))
    return float(np.median(values))


def near_zero(scores: Float[np.ndarray, " neurons"]) -> float:
    """Return the share of a cell's scores below 1 % of its 99th percentile; 0 where all are 0 or there is none.

    It compares sizes within one sample. It says nothing of how alike two samples rank the neurons: a cell with many
    scores near zero may be ranked most alike.

    >>> near_zero(np.array([0.001, 0.5, 1.0, 1.0]))
    0.25
    """
    if not len(scores):
        return 0.0
    return float(np.mean(scores < NEAR * np.quantile(scores, 0.99)))


def spearman(first: Float[np.ndarray, " neurons"], second: Float[np.ndarray, " neurons"]) -> float | None:
    """Return Spearman's rank correlation, ties sharing their mean rank; None where one side has one value only.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} scores cannot be paired")
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return round(float(a @ b) / size, 12) if size > 0 else None


def jaccard(
    first: Float[np.ndarray, " neurons"], second: Float[np.ndarray, " neurons"], percentile: float = 50
) -> tuple[float, float]:
    """Compare what two rankings remove at a percentile: (Jaccard index of the two sets, the index that chance gives).

    Removed are the scores at or below the percentile (numpy `linear`). Chance: two independent sets of these sizes,
    their expected intersection over the union that goes with it.
    """
    gone = [scores <= np.percentile(scores, percentile) for scores in (first, second)]
    a, b = (int(mask.sum()) for mask in gone)
    both = int((gone[0] & gone[1]).sum())
    meet = a * b / len(first)
    return both / (a + b - both), meet / (a + b - meet)


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return ranks from 0, equal values sharing the mean of their places."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[place]
