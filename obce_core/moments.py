"""Mean and standard deviation of every neuron over all tokens, in one pass and without loss of digits.

A batch's sums are taken in float32 by the fastest kernels at hand; where a neuron's mean dominates its spread, the
subtraction would lose digits, so that neuron's column is centred first. Batches are joined in float64 (Chan, Golub
and LeVeque's pairwise update).
"""

from __future__ import annotations

import numpy as np
import torch

_DOMINANT = 16.0
"""mean² or padding above this many variances: centre before squaring (float32 sums of 1,000 rows are good to about 2e-6)."""

_QUIET = np.errstate(invalid="ignore", over="ignore")
"""NaN and inf pass through without a word: the caller looks for them and says where they are."""


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
        totals = _column_sums(block, weights)  # (neurons,)
        squares = _column_squares(block).double().cpu().numpy()
        padded = _column_squares(block[padding]).double().cpu().numpy() if len(padding) else np.zeros(len(squares))
        mean = totals.double().cpu().numpy() / count
        deviations = np.maximum(squares - padded - count * mean**2, 0.0)
        # Also where padding outweighs the tokens, and where a square has left float32.
        lost = np.maximum(count * mean**2, padded) > _DOMINANT * deviations
        dominant = np.flatnonzero(lost | ~np.isfinite(deviations))
        if len(dominant):
            columns = block[:, torch.from_numpy(dominant).to(block.device)].double().cpu().numpy()
            if len(padding):
                columns = np.delete(columns, padding.cpu().numpy(), axis=0)
            mean[dominant] = columns.mean(axis=0)
            deviations[dominant] = ((columns - mean[dominant]) ** 2).sum(axis=0)
        self.join(count, mean, deviations)


def _rows(block: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(block.numpy()[where.numpy()]) if block.device.type == "cpu" else block[where]


def _column_sums(block: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    if block.device.type == "cpu":
        # One sweep by this thread: waking torch's threads for so little takes longer wherever cores are shared.
        return torch.from_numpy(np.einsum("t,td->d", weights.numpy(), block.numpy()))
    return weights @ block


def _column_squares(block: torch.Tensor) -> torch.Tensor:
    if block.device.type == "cpu":
        values = block.numpy()
        # One sweep without a temporary: about half the time of torch's square and sum on this layout.
        return torch.from_numpy(np.einsum("td,td->d", values, values))
    return (block * block).sum(0)
