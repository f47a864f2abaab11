"""Barcodes of clouds on a line and in space."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import gudhi_deaths, kruskal, parts_at, sweep_r_f

from obce_core.errors import BadInput, NotFinite
from obce_core.topology import barcode, r_f

SQUARE = [[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]]
# name, cloud, deaths as radii
CASES = [
    ("three points on a line", [0.0, 1.0, 4.0], [0.5, 1.5]),
    ("three points as a column", [[0.0], [1.0], [4.0]], [0.5, 1.5]),
    ("one point", [7.0], []),
    ("one point in space", [[1.0, 2.0, 3.0]], []),
    ("3-4-5", [[0.0, 0.0], [3.0, 4.0]], [2.5]),
    ("a square", SQUARE, [1.0, 1.0, 1.0]),
    ("a square twice", SQUARE * 2, [0.0] * 4 + [1.0] * 3),
    ("constant", [[1.0, 1.0]] * 5, [0.0] * 4),
    ("far cluster", [[0.0, 0.0], [0.0, 1.0], [30.0, 41.0]], [0.5, 25.0]),
]
NAMES = [case[0] for case in CASES]


@pytest.mark.parametrize(("name", "cloud", "deaths"), CASES, ids=NAMES)
def test_hand_computed_clouds_have_exactly_these_bars(name: str, cloud: list, deaths: list[float]) -> None:
    found = barcode(np.array(cloud))
    assert found.deaths.tolist() == deaths
    assert found.points == len(cloud)
    assert found.r_f == r_f(np.array(cloud)) == (deaths[-1] if deaths else 0.0)


@pytest.mark.parametrize(("name", "cloud", "deaths"), CASES, ids=NAMES)
def test_the_diagram_has_a_bar_for_every_point_and_the_infinite_one_last(
    name: str, cloud: list, deaths: list[float]
) -> None:
    found = barcode(np.array(cloud))
    assert found.diagram().tolist() == [*([0.0, death] for death in deaths), [0.0, math.inf]]
    assert found.diagram(edge_length=True).tolist() == [*([0.0, 2 * death] for death in deaths), [0.0, math.inf]]


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_random_clouds_agree_with_gudhi_kruskal_and_the_sweep(dim: int, seed: int) -> None:
    cloud = np.random.default_rng([dim, seed]).normal(size=(14, dim))
    deaths = barcode(cloud).deaths
    assert deaths == pytest.approx(gudhi_deaths(cloud), rel=1e-12)
    assert deaths == pytest.approx([length / 2 for length in kruskal(cloud)], rel=1e-12)
    assert r_f(cloud) == pytest.approx(sweep_r_f(cloud), rel=1e-12)


def test_clouds_with_duplicates_agree_with_gudhi() -> None:
    cloud = np.random.default_rng(5).integers(0, 3, size=(20, 2)).astype(float)
    assert barcode(cloud).deaths.tolist() == gudhi_deaths(cloud)
    assert barcode(cloud).deaths[0] == 0.0


@pytest.mark.parametrize("dim", [1, 3])
def test_pieces_are_counted_as_by_joining_disks_that_touch(dim: int) -> None:
    cloud = np.random.default_rng(dim).integers(-4, 5, size=(12, dim)).astype(float)
    found = barcode(cloud)
    assert found.parts(-1.0) == 12
    for radius in [0.0, 0.5, 1.0, 1.25, 2.0, found.r_f]:
        assert found.parts(radius) == parts_at(cloud, radius)
    assert found.parts(found.r_f) == 1


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 1000))
def test_n_points_have_n_minus_one_finite_bars_and_any_order_gives_the_same(count: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(count, dim))
    found = barcode(cloud)
    assert found.deaths.shape == (count - 1,)
    assert barcode(cloud[rng.permutation(count)]).deaths == pytest.approx(found.deaths, rel=1e-12)
    assert barcode(cloud * 4.0).deaths == pytest.approx(found.deaths * 4.0, rel=1e-12)
    assert barcode(cloud + 3.0).deaths == pytest.approx(found.deaths, rel=1e-9, abs=1e-12)


@given(st.integers(2, 9), st.integers(2, 4), st.floats(0.0, 2.0), st.integers(0, 1000))
def test_moving_every_point_by_at_most_e_moves_no_death_by_more_than_e(
    count: int, dim: int, e: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cloud, step = rng.normal(size=(count, dim)), rng.normal(size=(count, dim))
    step *= e * rng.random((count, 1)) / np.linalg.norm(step, axis=1, keepdims=True)
    change = np.abs(barcode(cloud + step).deaths - barcode(cloud).deaths)
    assert (change <= e + 1e-12).all()


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0), (2, 2, 2), ()])
def test_what_is_no_cloud_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"A cloud has shape \(N,\) or \(N, d\)"):
        barcode(np.zeros(shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(4,), (4, 3)])
def test_coordinates_that_are_not_finite_are_refused_with_their_number(shape: tuple[int, ...], bad: float) -> None:
    cloud = np.zeros(shape)
    cloud[-1] = bad
    with pytest.raises(NotFinite, match=f"{cloud[-1].size} coordinates of the cloud are NaN or inf"):
        barcode(cloud)
