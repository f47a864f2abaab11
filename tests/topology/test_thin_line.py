"""A thinned cloud keeps its last merges: each against the merges of the whole cloud."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.errors import BadInput, NotFinite
from obce_core.topology import line_merges, thin_line


def clouds() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [
        random.normal(size=400),
        random.normal(size=400).astype(np.float32),
        np.round(random.normal(size=300), 1),  # many ties
        np.concatenate([np.zeros(200), [1.0], np.full(100, 5.0)]),
        np.linspace(0, 1, 250),
    ]


@pytest.mark.parametrize("values", clouds(), ids=["normal", "float32", "ties", "duplicates", "even"])
@pytest.mark.parametrize("most", [6, 30, 100])
def test_the_last_merges_are_those_of_the_whole_cloud(values: np.ndarray, most: int) -> None:
    thin = thin_line(values, most)
    order, whole = line_merges(values)
    assert len(thin.points) <= most
    assert thin.total == len(values)
    assert (np.diff(thin.values) >= 0).all()
    assert np.array_equal(thin.values, values[thin.points].astype(np.float64))
    shown = [merge for merge in thin.merges if merge.radius > thin.start]
    real = [merge for merge in whole if merge.radius > thin.start]
    assert [merge.radius for merge in shown] == [merge.radius for merge in real]
    assert thin.merges[-1].radius == whole[-1].radius
    ordered = values[order].astype(np.float64)
    for merge in shown:
        # What touches are neighbours of the whole cloud, twice the radius apart.
        assert thin.values[merge.gap + 1] - thin.values[merge.gap] == 2 * merge.radius
        left = int(np.searchsorted(ordered, thin.values[merge.gap], side="right"))
        assert ordered[left] == thin.values[merge.gap + 1]
    distinct = len({merge.radius for merge in real}) == len(real)
    if distinct:
        sizes = [(thin.size(merge.first, merge.gap), thin.size(merge.gap + 1, merge.last)) for merge in shown]
        assert sizes == [(merge.left_size, merge.right_size) for merge in real]


def test_a_small_cloud_is_taken_whole() -> None:
    values = np.random.default_rng(0).normal(size=50)
    thin = thin_line(values, 50)
    order, merges = line_merges(values)
    assert (thin.start, thin.merges) == (0.0, merges)
    assert np.array_equal(thin.points, order)
    assert np.array_equal(thin.upto, np.arange(51))


def test_one_point_and_equal_points() -> None:
    assert thin_line(np.array([2.0]), 6).merges == ()
    thin = thin_line(np.full(40, 2.0), 6)
    assert (thin.total, thin.merges[-1].radius, thin.size(0, len(thin.points) - 1)) == (40, 0.0, 40)


def test_what_cannot_be_thinned_is_refused() -> None:
    with pytest.raises(BadInput, match="room for 6"):
        thin_line(np.arange(9.0), 5)
    with pytest.raises(BadInput, match="at least 1"):
        thin_line(np.array([]), 6)
    with pytest.raises(NotFinite):
        thin_line(np.array([0.0, np.inf]), 6)
