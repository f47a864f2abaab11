"""Small complexes and their homology, against gudhi and against slow obvious twins."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from obce_core.errors import BadInput, NotFinite
from obce_core.topology import Complex, Simplex, barcode, bars, complex_of, missing_faces, rank_z2, rips

# Whole numbers make ties, equal points and disks that touch exactly.
CLOUDS = st.integers(0, 8).flatmap(
    lambda n: st.integers(1, 3).flatmap(lambda d: arrays(np.float64, (n, d), elements=st.integers(0, 6).map(float)))
)
SMOOTH = np.random.default_rng(7)


def gudhi_tree(points: np.ndarray) -> Any:
    gudhi = pytest.importorskip("gudhi")
    # gudhi takes edge lengths; dimension 2 holds all that H0 and H1 need
    return gudhi.RipsComplex(points=points.copy(), max_edge_length=math.inf).create_simplex_tree(max_dimension=2)


def gudhi_bars(points: np.ndarray) -> tuple[list[float], list[tuple[float, float]]]:
    """Return gudhi's finite bars as radii: half its edge lengths."""
    tree = gudhi_tree(points)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0, persistence_dim_max=False)
    h0, h1 = (tree.persistence_intervals_in_dimension(dim) for dim in (0, 1))
    deaths = [death / 2 for _, death in h0 if math.isfinite(death)]
    deaths += [0.0] * (len(points) - 1 - len(deaths))  # bars of length 0 (equal points) are left out by gudhi
    return sorted(deaths), sorted((birth / 2, death / 2) for birth, death in h1)


def pieces(count: int, edges: tuple[Simplex, ...]) -> int:
    """Count the pieces by walking."""
    left, found = set(range(count)), 0
    while left:
        found += 1
        walk = [left.pop()]
        while walk:
            here = walk.pop()
            next_ = {p for p in left if tuple(sorted((p, here))) in edges}
            left -= next_
            walk += next_
    return found


def rank_by_sums(matrix: np.ndarray) -> int:
    """Form every sum of columns; a space of 2^k sums has rank k."""
    sums = {(0,) * matrix.shape[0]}
    for column in matrix.T:
        sums |= {tuple((np.array(other) + column) % 2) for other in sums}
    return round(math.log2(len(sums)))


@given(arrays(np.uint8, st.tuples(st.integers(0, 5), st.integers(0, 7)), elements=st.integers(0, 1)))
def test_rank_counts_the_sums_of_columns(matrix: np.ndarray) -> None:
    assert rank_z2(matrix) == rank_by_sums(matrix) == rank_z2(matrix.T)


def test_rank_is_over_two_elements_and_not_over_the_reals() -> None:
    circle = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=np.uint8)
    assert np.linalg.matrix_rank(circle) == 3
    assert rank_z2(circle) == 2


@given(CLOUDS, st.integers(0, 8))
def test_rips_joins_what_touches_and_its_numbers_are_gudhis(points: np.ndarray, doubled: int) -> None:
    radius = doubled / 2
    found = rips(points, radius)
    near = {pair for pair in combinations(range(len(points)), 2) if math.dist(*points[list(pair)]) <= 2 * radius}
    assert set(found.edges) == near
    assert set(found.triangles) == {t for t in combinations(range(len(points)), 3) if set(combinations(t, 2)) <= near}
    b0, b1 = found.betti
    assert b0 == pieces(len(points), found.edges)
    assert found.euler == b0 - b1 + found.cavities
    if len(points):
        tree = gudhi_tree(points)
        tree.prune_above_filtration(2 * radius)
        tree.compute_persistence(homology_coeff_field=2, persistence_dim_max=True)
        told = [*tree.betti_numbers(), 0, 0, 0][:3]
        assert [b0, b1, found.cavities] == told


@given(CLOUDS)
def test_boundaries_of_boundaries_are_zero(points: np.ndarray) -> None:
    found = rips(points, 1.5)
    assert not ((found.boundary(1).astype(int) @ found.boundary(2)) % 2).any()
    assert found.boundary(1).sum() == 2 * len(found.edges)
    assert found.boundary(2).sum() == 3 * len(found.triangles)


def assert_like_gudhi(points: np.ndarray) -> None:
    found = bars(points)
    h0, h1 = gudhi_bars(points)
    np.testing.assert_allclose(found.h0, h0, rtol=1e-12)
    np.testing.assert_allclose(found.h1, np.array(h1).reshape(-1, 2), rtol=1e-12)
    np.testing.assert_allclose(found.h0, barcode(points).deaths, rtol=1e-12)


@given(CLOUDS.filter(len))
def test_bars_are_half_of_gudhis_where_lengths_are_tied(points: np.ndarray) -> None:
    assert_like_gudhi(points)


@pytest.mark.parametrize("shape", [(5, 2), (20, 2), (40, 2), (12, 3), (15, 1)])
def test_bars_are_half_of_gudhis(shape: tuple[int, int]) -> None:
    assert_like_gudhi(SMOOTH.normal(size=shape))


@given(CLOUDS, st.integers(0, 8))
def test_bars_alive_are_the_betti_numbers(points: np.ndarray, doubled: int) -> None:
    assert bars(points).alive(doubled / 2) == rips(points, doubled / 2).betti


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_points_nothing_merges(count: int) -> None:
    points = np.zeros((count, 2))
    assert rips(points, 3.0).betti == (count, 0)
    assert (bars(points).h0.tolist(), bars(points).h1.tolist()) == ([], [])
    assert bars(points).alive(0.0) == (count, 0)


def test_equal_points_are_one_piece_from_radius_zero_on() -> None:
    points = np.zeros((4, 2))
    assert rips(points, 0.0).betti == (1, 0)
    assert bars(points).h0.tolist() == [0.0, 0.0, 0.0]


def test_a_loop_that_closes_and_fills_at_once_is_no_bar() -> None:
    equilateral = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert bars(equilateral).h1.shape == (0, 2)


def test_a_hollow_tetrahedron_has_a_cavity() -> None:
    shell = complex_of([face for size in (1, 2, 3) for face in combinations(range(4), size)])
    assert (shell.betti, shell.cavities, shell.euler) == ((1, 0), 1, 2)


def test_missing_faces_are_named_and_refused() -> None:
    broken = [(0,), (1,), (2,), (0, 1), (2, 1, 0)]
    assert missing_faces(broken) == ((0, 2), (1, 2))
    with pytest.raises(BadInput, match="2 faces are missing"):
        complex_of(broken)
    whole = complex_of([*broken, (0, 2), (1, 2)])
    assert whole == Complex(vertices=((0,), (1,), (2,)), edges=((0, 1), (0, 2), (1, 2)), triangles=((0, 1, 2),))


@pytest.mark.parametrize("simplex", [(), (0, 0), (0, 1, 2, 3)])
def test_what_is_no_simplex_is_refused(simplex: Simplex) -> None:
    with pytest.raises(BadInput, match="one to three different vertices"):
        complex_of([simplex])


def test_bad_points_are_refused() -> None:
    with pytest.raises(BadInput, match="N up to 64"):
        bars(np.zeros((65, 2)))
    with pytest.raises(BadInput, match=r"shape \(N, d\)"):
        rips(np.zeros(3), 1.0)
    with pytest.raises(NotFinite):
        rips(np.array([[np.nan, 0.0]]), 1.0)
