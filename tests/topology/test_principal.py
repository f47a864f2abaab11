"""Two principal components: against numpy's SVD of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.errors import BadInput, NotFinite
from obce_core.topology import principal


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (500, 480), (460, 900), (900, 450)])
def test_it_is_the_svd(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    cloud = (random.normal(size=shape) * np.linspace(1, 4, shape[1]) + 5).astype(np.float32)
    found = principal(cloud)
    centred = cloud.astype(np.float64) - cloud.astype(np.float64).mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    assert found.explained == pytest.approx((values**2 / (values**2).sum())[:2], rel=1e-6)
    assert np.abs(found.points) == pytest.approx(np.abs(left * values)[:, :2], abs=1e-4 * values[0])
    tallest = np.abs(found.points).argmax(axis=0)
    assert (found.points[tallest, [0, 1]] > 0).all()


@pytest.mark.parametrize("shape", [(1, 5), (4, 1), (2, 2)])
def test_a_missing_axis_is_zero(shape: tuple[int, int]) -> None:
    found = principal(np.random.default_rng(1).normal(size=shape))
    assert found.points.shape == (shape[0], 2)
    assert np.abs(found.points[:, 1]).max() == pytest.approx(0, abs=1e-6)
    assert sum(found.explained) == pytest.approx(1 if shape[0] > 1 else 0, abs=1e-9)


def test_equal_points_have_no_variance() -> None:
    found = principal(np.full((600, 500), 3.0))
    assert found.explained == (0.0, 0.0)
    assert np.abs(found.points).max() == 0


def test_what_is_no_cloud_is_refused() -> None:
    with pytest.raises(BadInput, match="shape"):
        principal(np.zeros((0, 3)))
    with pytest.raises(NotFinite):
        principal(np.array([[0.0, np.nan]]))
