"""Mean and standard deviation of every neuron over all tokens, in one pass and without loss of digits.

A batch's sums are taken in float32 by the fastest kernels at hand; where a neuron's mean dominates its spread, the
subtraction would lose digits, so that neuron's column is centred first, and where float32 overflows it is read in
float64. Batches are joined in float64 (Chan, Golub and LeVeque's pairwise update).
"""

from __future__ import annotations

import numpy as np
import torch

_DOMINANT = 16.0
"""mean² or padding above this many variances: centre before squaring (float32 sums of 1,000 rows are good to about 2e-6)."""

_QUIET = np.errstate(invalid="ignore", over="ignore")
"""NaN and inf go into the moments without a warning; the caller looks for them there."""


class Moments:
    """Running mean and variance of `width` neurons; rows arrive in blocks."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)  # sum of squared deviations

    @property
    def std(self) -> np.ndarray:
        """Population standard deviation (ddof 0), shape (neurons,)."""
        return np.sqrt(np.maximum(self._squares, 0.0) / max(self.count, 1))

    @_QUIET
    def join(self, count: int, mean: np.ndarray, squares: np.ndarray) -> None:
        """Add `count` rows with this mean and sum of squared deviations, each of shape (neurons,)."""
        if count == 0:
            return
        total = self.count + count
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)
        self._squares = self._squares + squares + delta**2 * (self.count * count / total)
        self.count = total

    @_QUIET
    def add_exact(self, rows: np.ndarray) -> None:
        """Add a small block in float64, shape (rows, neurons)."""
        block = rows.astype(np.float64)
        mean = block.mean(axis=0)
        self.join(len(block), mean, ((block - mean) ** 2).sum(axis=0))

    @_QUIET
    def add(self, block: torch.Tensor, weights: torch.Tensor, padding: torch.Tensor) -> None:
        """Add the tokens of a batch.

        Args:
            block: float32, shape (rows, neurons), one row a token, padding rows included.
            weights: float32, shape (rows,): 1 for a token, 0 for padding.
            padding: indices of the padding rows.
        """
        count = len(block) - len(padding)
        if count == 0:
            return
        if block.device.type == "cuda":
            mean, squares = _cuda_moments(block[weights.bool()])
        else:
            mean, squares = _cpu_moments(block.cpu().numpy(), weights.cpu().numpy(), padding.cpu().numpy())
        self.join(count, mean, squares)


def _cpu_moments(values: np.ndarray, weights: np.ndarray, padding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sum of squared deviations of the rows that are no padding, each of shape (neurons,).

    This thread alone sweeps, without a temporary: waking torch's threads for so little takes longer wherever the cores
    are shared.
    """
    count = len(values) - len(padding)
    raw = np.einsum("td,td->d", values, values).astype(np.float64)  # padding included
    rows = values[padding]
    mean = np.einsum("t,td->d", weights, values).astype(np.float64) / count
    squares = raw - np.einsum("td,td->d", rows, rows) - count * mean**2
    wide = ~np.isfinite(squares)
    dominant = np.flatnonzero((raw > _DOMINANT * squares) & ~wide)
    if len(dominant):
        pivot = mean[dominant].astype(np.float32)
        columns = values[:, dominant] - pivot  # (rows, dominant neurons)
        columns[padding] = 0.0
        rest = columns.sum(axis=0) / count
        mean[dominant] = pivot.astype(np.float64) + rest
        squares[dominant] = np.einsum("td,td->d", columns, columns) - count * rest.astype(np.float64) ** 2
    if wide.any():
        columns = np.delete(values[:, wide].astype(np.float64), padding, axis=0)
        mean[wide] = columns.mean(axis=0)
        squares[wide] = ((columns - mean[wide]) ** 2).sum(axis=0)
    return mean, np.maximum(squares, 0.0)


def _cuda_moments(rows: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Do the same in float64 where the rows lie; they have shape (tokens, neurons)."""
    mean = rows.mean(0, dtype=torch.float64)
    squares = (rows - mean).square_().sum(0)
    return mean.cpu().numpy(), squares.cpu().numpy()
