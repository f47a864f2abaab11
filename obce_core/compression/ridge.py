"""Ridge regression of removed neurons on kept ones, with intercept; cross-validation chooses its strength.

Everything is computed from moments (`cross_moments`); no token's outputs are needed. A component with heads is one
regression a head, with a ridge of its own; the intermediate neurons of a layer are one regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from obce_core.compression.cross_moments import CrossMoments

RIDGES = tuple(10.0**power for power in range(-8, 3))
"""Strengths that are tried, as multiples of the kept neurons' mean variance."""

_ROUNDING = 1e-12
"""Variance, as a share of the mean square, at or below which kept neurons are constants but for float32's rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AffineMap:
    """A cell's removed neurons as a function of its kept ones: removed = weight @ kept + bias, float64.

    `weight` has shape (removed, kept), both in the order of the neurons, and is zero between heads; `bias` (removed,).
    """

    weight: np.ndarray
    bias: np.ndarray


class Parts(NamedTuple):
    """Moments of one regression: k kept and r removed neurons."""

    rows: int
    kept_mean: np.ndarray  # (k,)
    removed_mean: np.ndarray  # (r,)
    kept: np.ndarray  # (k, k), as `CrossMoments.cross`
    mixed: np.ndarray  # (r, k)
    removed: float  # sum of the removed neurons' squared deviations


class _Path(NamedTuple):
    """A regression solved for every ridge at once, in the eigenbasis of the kept neurons."""

    values: np.ndarray  # (k,), eigenvalues, none below 0
    basis: np.ndarray  # (k, k), a column each
    mixed: np.ndarray  # (r, k), in that basis
    unit: float  # the ridge of strength 1: rows times the kept neurons' mean variance

    def gains(self, ridge: float) -> np.ndarray:
        """Return 1 / (eigenvalue + ridge), 0 where nothing varies, shape (k,)."""
        total = self.values + ridge * self.unit
        return np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)


def fit(folds: Sequence[CrossMoments], kept: np.ndarray) -> AffineMap:
    """Fit the map of a cell: choose each ridge by cross-validation over the folds, then fit on all of them.

    A head without kept neurons, or whose kept neurons never vary, is predicted by its means.

    Args:
        folds: moments of the cell's neurons over disjoint sets of texts, at least one.
        kept: kept neurons, booleans of shape (groups * width,).
    """
    groups, width = folds[0].mean.shape
    rows = kept.reshape(groups, width)
    weight, bias = np.zeros((int((~kept).sum()), int(kept.sum()))), np.zeros(int((~kept).sum()))
    down = right = 0
    for group in range(groups):
        parts = [take_apart(fold, group, rows[group]) for fold in folds]
        whole = _joined(parts)
        k, r = len(whole.kept_mean), len(whole.removed_mean)
        if r:
            part = np.zeros((r, k))
            if k:
                path = _solve(whole)
                part = (path.mixed * path.gains(choose_ridge(parts))) @ path.basis.T
            weight[down : down + r, right : right + k] = part
            bias[down : down + r] = whole.removed_mean - part @ whole.kept_mean
        down, right = down + r, right + k
    return AffineMap(weight=weight, bias=bias)


def choose_ridge(parts: Sequence[Parts]) -> float:
    """Return the strength of `RIDGES` with the least squared error on folds held out in turn; the larger of equals."""
    errors = held_out_errors(parts)
    return RIDGES[len(RIDGES) - 1 - int(np.argmin(errors[::-1]))]


def held_out_errors(parts: Sequence[Parts]) -> np.ndarray:
    """Sum the squared errors of the removed neurons over every fold, predicted from the other folds, shape (ridges,).

    With one fold there is nothing to hold out and every error is 0, so that the strongest ridge is taken.
    """
    errors = np.zeros(len(RIDGES))
    for out, held in enumerate(parts):
        others = [part for index, part in enumerate(parts) if index != out and part.rows]
        if not others or not held.rows:
            continue
        train = _joined(others)
        path = _solve(train)
        # The held-out rows about the training means: moments about their own, plus the shift between the two.
        shift, off = (held.kept_mean - train.kept_mean) @ path.basis, held.removed_mean - train.removed_mean
        inner = path.basis.T @ held.kept @ path.basis + held.rows * np.outer(shift, shift)  # (k, k)
        mixed = held.mixed @ path.basis + held.rows * np.outer(off, shift)  # (r, k)
        square = held.removed + held.rows * float(off @ off)
        linear, quadratic = (path.mixed * mixed).sum(axis=0), (path.mixed.T @ path.mixed) * inner
        for index, ridge in enumerate(RIDGES):
            gains = path.gains(ridge)
            errors[index] += square - 2.0 * float(gains @ linear) + float(gains @ quadratic @ gains)
    return errors


def take_apart(moments: CrossMoments, group: int, kept: np.ndarray) -> Parts:
    """Take one group apart into kept and removed neurons."""
    mean, cross = moments.mean[group], moments.cross[group]
    gone = ~kept
    return Parts(
        moments.count,
        mean[kept],
        mean[gone],
        cross[np.ix_(kept, kept)],
        cross[np.ix_(gone, kept)],
        float(np.diagonal(cross)[gone].sum()),
    )


def _joined(parts: Sequence[Parts]) -> Parts:
    """Join the moments of disjoint rows."""
    rows = sum(part.rows for part in parts)
    kept_mean = np.sum([part.kept_mean * (part.rows / rows) for part in parts], axis=0)
    removed_mean = np.sum([part.removed_mean * (part.rows / rows) for part in parts], axis=0)
    kept, mixed, removed = np.zeros_like(parts[0].kept), np.zeros_like(parts[0].mixed), 0.0
    for part in parts:
        shift, off = part.kept_mean - kept_mean, part.removed_mean - removed_mean
        kept += part.kept + part.rows * np.outer(shift, shift)
        mixed += part.mixed + part.rows * np.outer(off, shift)
        removed += part.removed + part.rows * float(off @ off)
    return Parts(rows, kept_mean, removed_mean, kept, mixed, removed)


def _solve(parts: Parts) -> _Path:
    values, basis = eigh(parts.kept, driver="evd", check_finite=False)
    spread = float(np.trace(parts.kept))
    constant = spread <= _ROUNDING * parts.rows * float(parts.kept_mean @ parts.kept_mean)
    mixed = np.zeros_like(parts.mixed) if constant else parts.mixed @ basis
    return _Path(np.maximum(values, 0.0), basis, mixed, spread / len(values))
