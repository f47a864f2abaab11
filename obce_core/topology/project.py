"""Principal components of a cloud in R^d, for display only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from obce_core.errors import BadInput, NotFinite

_SMALL = 400
_COLUMNS = 12
_STEPS = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class Principal:
    """The first two principal components: `points` of shape (N, 2), `explained` their shares of the variance."""

    points: Float[np.ndarray, "texts 2"]
    explained: tuple[float, float]


def principal(cloud: Float[np.ndarray, "texts dim"]) -> Principal:
    """Project a cloud on its first two principal components, in float64.

    The sign of an axis is fixed by its largest coordinate being positive. A second axis that the cloud does not have is
    0. Small clouds by a full decomposition; larger ones by subspace iteration, to 1e-9 of the first variance.

    Raises:
        BadInput: not two axes, or no point.
        NotFinite: a coordinate is NaN or inf.
    """
    points = np.asarray(cloud, dtype=np.float64)
    if points.ndim != 2 or not points.size:
        raise BadInput(f"A projection needs a cloud of shape (N, d), N >= 1 and d >= 1; found {points.shape}.")
    if not np.isfinite(points).all():
        raise NotFinite(f"{int((~np.isfinite(points)).sum())} coordinates of the cloud are NaN or inf.")
    centred = points - points.mean(axis=0)
    wide = centred.shape[1] > centred.shape[0]
    products = centred @ centred.T if wide else centred.T @ centred  # (min(N, d), min(N, d))
    values, vectors = _largest(products)
    scores = vectors * np.sqrt(np.maximum(values, 0.0)) if wide else centred @ vectors
    scores = np.pad(scores, ((0, 0), (0, 2 - scores.shape[1])))
    signs = np.sign(np.take_along_axis(scores, np.abs(scores).argmax(axis=0)[None, :], axis=0))
    total = float(products.trace())
    explained = [float(value) / total if total > 0 else 0.0 for value in np.maximum(values, 0.0)] + [0.0]
    return Principal(points=scores * np.where(signs == 0, 1.0, signs), explained=(explained[0], explained[1]))


def _largest(products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two largest eigenvalues, falling, and their vectors as columns."""
    size = len(products)
    if size <= _SMALL:
        values, vectors = np.linalg.eigh(products)
        return values[::-1][:2], vectors[:, ::-1][:, :2]
    block = np.linalg.qr(np.random.default_rng(0).normal(size=(size, _COLUMNS)))[0]
    for _ in range(_STEPS):
        image = products @ block
        values, turn = np.linalg.eigh(block.T @ image)
        left = image @ turn[:, -2:] - (block @ turn[:, -2:]) * values[-2:]
        if np.linalg.norm(left) <= 1e-9 * max(float(values[-1]), np.finfo(float).tiny):
            break
        block = np.linalg.qr(image)[0]
    return values[::-1][:2], (block @ turn)[:, ::-1][:, :2]
