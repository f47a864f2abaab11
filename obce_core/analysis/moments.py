"""Mean and standard deviation of every neuron over all tokens, in one pass and without loss of digits.

A batch's moments are taken in two sweeps (mean, then squared deviations) by torch's channels-last batch-norm kernel in
float32; columns for which that is not good enough are read again in float64. Batches are joined in float64 (Chan, Golub
and LeVeque's pairwise update).
"""

from __future__ import annotations

import numpy as np
import torch

_DOMINANT = 1e5
"""mean² above this many variances: the float32 mean is off by a share of the std that its square would show."""

_CANCELLED = 16.0
"""Padding that makes up all but 1/16 of the squares leaves too few digits to the tokens when it is taken off."""

_MUCH_PADDING = 0.25
"""Above this share of padding the tokens are gathered first; below, taking the padding off again is cheaper."""

_HELD_ROWS = 32
"""Rows that wait to be added together: a call for every batch's few would cost more than they do."""

_QUIET = np.errstate(invalid="ignore", over="ignore", divide="ignore")
"""NaN and inf go into the moments without a warning; the caller looks for them there."""


class Moments:
    """Running mean and variance of `width` neurons; rows arrive in blocks."""

    def __init__(self, width: int) -> None:
        self._count = 0
        self._mean = np.zeros(width)
        self._squares = np.zeros(width)  # sum of squared deviations
        self._held = np.empty((0, width), dtype=np.float32)
        self._waiting = 0

    @classmethod
    def of_few(cls, width: int) -> Moments:
        """Make moments to which a few rows at a time are added by `add_exact`; they wait until there are many."""
        moments = cls(width)
        # Made at once: rows copied one by one among a model's temporaries would leave holes that no temporary fits
        # into.
        moments._held = np.empty((_HELD_ROWS, width), dtype=np.float32)
        return moments

    @property
    def count(self) -> int:
        """Rows that were added."""
        self._take_held()
        return self._count

    @property
    def mean(self) -> np.ndarray:
        """Mean, shape (neurons,)."""
        self._take_held()
        return self._mean

    @property
    def std(self) -> np.ndarray:
        """Population standard deviation (ddof 0), shape (neurons,)."""
        self._take_held()
        return np.sqrt(np.maximum(self._squares, 0.0) / max(self._count, 1))

    @_QUIET
    def join(self, count: int, mean: np.ndarray, squares: np.ndarray) -> None:
        """Add `count` rows with this mean and sum of squared deviations, each of shape (neurons,)."""
        if count == 0:
            return
        total = self._count + count
        delta = mean - self._mean
        self._mean += delta * (count / total)
        self._squares += squares
        self._squares += delta**2 * (self._count * count / total)
        self._count = total

    def add_exact(self, rows: np.ndarray) -> None:
        """Add a few rows in float64, shape (rows, neurons); they are copied."""
        if self._waiting + len(rows) > len(self._held):
            self._take_held()
        if len(rows) > len(self._held):
            self._take(rows)
            return
        self._held[self._waiting : self._waiting + len(rows)] = rows
        self._waiting += len(rows)

    def _take_held(self) -> None:
        if self._waiting:
            self._take(self._held[: self._waiting])
            self._waiting = 0

    @_QUIET
    def _take(self, rows: np.ndarray) -> None:
        block = rows.astype(np.float64)
        mean = block.mean(axis=0)
        block -= mean
        self.join(len(block), mean, np.einsum("td,td->d", block, block))

    @_QUIET
    def add(self, block: torch.Tensor, padding: torch.Tensor) -> None:
        """Add the tokens of a batch.

        Args:
            block: float32, shape (rows, neurons), one row a token, padding rows included.
            padding: indices of the padding rows.
        """
        count = len(block) - len(padding)
        if count == 0 or block.shape[1] == 0:
            return
        if block.device.type == "cuda":
            mean, squares = _cuda_moments(_without(block, padding))
        else:
            mean, squares = _cpu_moments(block.cpu(), padding.cpu())
        self.join(count, mean, squares)


def _cpu_moments(block: torch.Tensor, padding: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sum of squared deviations of the rows that are no padding, each of shape (neurons,)."""
    if len(padding) > _MUCH_PADDING * len(block):
        block, padding = _without(block, padding), padding[:0]
    rows, width = block.shape
    count = rows - len(padding)
    image = block.contiguous().view(1, rows, 1, width).permute(0, 3, 1, 2)  # channels last: a neuron is a channel
    center, variance = (
        part.numpy() for part in torch.batch_norm_update_stats(image, None, None, 0.0)
    )  # each (neurons,), float32
    mean, squares = center.astype(np.float64), rows * variance.astype(np.float64)
    poor = np.zeros(width, dtype=bool)
    if len(padding):
        off = (
            block.numpy()[padding.numpy()] - center
        )  # (padding rows, neurons); numpy: torch would wake its threads for a few rows
        shift = np.einsum("td->d", off) / -count
        tokens = squares - np.einsum("td,td->d", off, off) - count * shift**2
        poor = squares > _CANCELLED * tokens
        mean, squares = mean + shift, tokens
    poor |= ~np.isfinite(squares) | (count * mean**2 > _DOMINANT * squares)
    poor &= (squares != 0) | (mean != 0)  # a neuron that is always 0 needs no second look
    if poor.any():
        columns = _without(block[:, torch.from_numpy(poor)], padding).double().numpy()
        mean[poor] = columns.mean(axis=0)
        columns -= mean[poor]
        squares[poor] = np.einsum("td,td->d", columns, columns)
    return mean, squares


def _without(block: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    """Leave the padding rows out."""
    kept = torch.ones(len(block), dtype=torch.bool, device=block.device)
    kept[padding] = False
    return block[kept]


def _cuda_moments(rows: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Do the same in float64 where the rows lie; they have shape (tokens, neurons)."""
    mean = rows.mean(0, dtype=torch.float64)
    squares = (rows - mean).square_().sum(0)
    return mean.cpu().numpy(), squares.cpu().numpy()
