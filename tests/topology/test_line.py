"""Clouds on a line: sorting against a threshold sweep, gudhi and the hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive import gudhi_deaths, kruskal, sweep_r_f

from obce_core.errors import NotFinite
from obce_core.topology import barcode, line_deaths, line_merges, line_r_f

# name, values, deaths as radii (ascending), merges as (left, right, left size, right size)
CASES = [
    ("three points", [0.0, 1.0, 4.0], [0.5, 1.5], [(0, 1, 1, 1), (1, 2, 2, 1)]),
    ("three points out of order", [4.0, 0.0, 1.0], [0.5, 1.5], [(1, 2, 1, 1), (2, 0, 2, 1)]),
    ("duplicates", [2.0, 5.0, 2.0], [0.0, 1.5], [(0, 2, 1, 1), (2, 1, 2, 1)]),
    ("one point", [7.0], [], []),
    ("two points", [-1.0, 1.0], [1.0], [(0, 1, 1, 1)]),
    ("constant", [3.0] * 4, [0.0] * 3, [(0, 1, 1, 1), (1, 2, 2, 1), (2, 3, 3, 1)]),
    ("far cluster", [0.0, 0.25, 0.5, 100.5], [0.125, 0.125, 50.0], [(0, 1, 1, 1), (1, 2, 2, 1), (2, 3, 3, 1)]),
    ("two clusters", [0.0, 1.0, 10.0, 12.0], [0.5, 1.0, 4.5], [(0, 1, 1, 1), (2, 3, 1, 1), (1, 2, 2, 2)]),
    ("ties from left to right", [3.0, 2.0, 1.0, 0.0], [0.5] * 3, [(3, 2, 1, 1), (2, 1, 2, 1), (1, 0, 3, 1)]),
]
NAMES = [case[0] for case in CASES]

CLOUDS = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=12)


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64).reshape(-1, 1)


@pytest.mark.parametrize(("name", "values", "deaths", "joins"), CASES, ids=NAMES)
def test_hand_computed_clouds_give_exactly_these_deaths(
    name: str, values: list[float], deaths: list[float], joins: list[tuple[int, ...]]
) -> None:
    assert line_deaths(column(values)).tolist() == [deaths]
    assert line_r_f(column(values)).tolist() == [deaths[-1] if deaths else 0.0]


@pytest.mark.parametrize(("name", "values", "deaths", "joins"), CASES, ids=NAMES)
def test_hand_computed_clouds_give_exactly_these_merges(
    name: str, values: list[float], deaths: list[float], joins: list[tuple[int, ...]]
) -> None:
    order, found = line_merges(np.array(values))
    assert np.array(values)[order].tolist() == sorted(values)
    assert [merge.radius for merge in found] == deaths
    assert [(merge.left, merge.right, merge.left_size, merge.right_size) for merge in found] == joins


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3, 17])
def test_sorting_agrees_with_a_threshold_sweep_exactly_and_with_gudhi(count: int, seed: int) -> None:
    values = np.random.default_rng([count, seed]).normal(size=count)
    assert line_r_f(values.reshape(-1, 1))[0] == sweep_r_f(values)
    assert line_deaths(values.reshape(-1, 1))[0] == pytest.approx(gudhi_deaths(values), abs=1e-15)
    assert line_deaths(values.reshape(-1, 1))[0].tolist() == [length / 2 for length in kruskal(values)]


def test_gudhi_counts_every_bar_of_a_cloud_with_ties_and_duplicates() -> None:
    values = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 5.0])
    assert gudhi_deaths(values) == line_deaths(values.reshape(-1, 1))[0].tolist() == [0.0, 0.0, 0.5, 0.5, 1.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_neurons_in_several_blocks_agree_with_one_neuron_at_a_time(dtype: type) -> None:
    outputs = np.random.default_rng(0).normal(size=(150, 1500)).astype(dtype)  # several blocks of 512 kB
    together = line_r_f(outputs)
    assert together.dtype == np.float64
    alone = [float(np.diff(np.sort(outputs[:, i]).astype(np.float64)).max()) / 2 for i in range(1500)]
    assert together.tolist() == alone
    assert line_deaths(outputs)[:, -1].tolist() == alone


def test_the_inputs_are_left_as_they_are() -> None:
    outputs = np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 0.0]])
    before = outputs.copy()
    line_r_f(outputs), line_deaths(outputs), line_merges(outputs[:, 0])
    assert outputs.tolist() == before.tolist()


@given(CLOUDS)
def test_n_points_have_n_minus_one_deaths_that_ascend(values: list[float]) -> None:
    deaths = line_deaths(column(values))
    assert deaths.shape == (1, len(values) - 1)
    assert (np.diff(deaths) >= 0).all()
    assert (deaths >= 0).all()


@given(CLOUDS, st.randoms(use_true_random=False))
def test_the_order_of_the_points_changes_nothing(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert line_deaths(column(values)).tolist() == line_deaths(column(shuffled)).tolist()


@given(CLOUDS, st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaling_the_points_scales_the_deaths_and_a_mirror_keeps_them(values: list[float], scale: float) -> None:
    deaths = line_deaths(column(values))
    assert line_deaths(column(values) * scale).tolist() == (deaths * scale).tolist()
    assert line_deaths(-column(values)).tolist() == deaths.tolist()


@given(CLOUDS, st.floats(0.0, 10.0), st.integers(0, 2**32 - 1))
def test_moving_every_point_by_at_most_e_moves_no_death_by_more_than_e(
    values: list[float], e: float, seed: int
) -> None:
    points = column(values)
    moved = points + np.random.default_rng(seed).uniform(-e, e, size=points.shape)
    change = np.abs(line_deaths(moved) - line_deaths(points))
    assert (change <= e + 1e-9).all()


@given(CLOUDS)
def test_the_sum_of_all_deaths_is_half_the_range(values: list[float]) -> None:
    assert line_deaths(column(values)).sum() == pytest.approx((max(values) - min(values)) / 2, rel=1e-12, abs=1e-9)


@given(CLOUDS)
def test_each_merge_joins_two_intervals_whose_ends_touch_at_its_radius(values: list[float]) -> None:
    points = np.array(values)
    order, found = line_merges(points)
    pieces = {(i, i) for i in range(len(values))}
    for merge in found:
        left, right = (merge.first, merge.gap), (merge.gap + 1, merge.last)
        assert {left, right} <= pieces
        pieces = pieces - {left, right} | {(merge.first, merge.last)}
        assert (merge.left, merge.right) == (order[merge.gap], order[merge.gap + 1])
        assert points[merge.right] - points[merge.left] == 2 * merge.radius
        assert (merge.left_size, merge.right_size) == (left[1] - left[0] + 1, right[1] - right[0] + 1)
    assert pieces == {(0, len(values) - 1)}
    assert [merge.radius for merge in found] == line_deaths(points.reshape(-1, 1))[0].tolist()
    assert (found[-1].radius if found else 0.0) == line_r_f(points.reshape(-1, 1))[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_number(bad: float) -> None:
    outputs = np.zeros((4, 3))
    outputs[2, 1] = outputs[3, 1] = bad
    with pytest.raises(NotFinite, match="2 outputs are NaN or inf"):
        line_r_f(outputs)
    with pytest.raises(NotFinite, match="2 outputs are NaN or inf"):
        line_deaths(outputs)
    with pytest.raises(NotFinite, match="2 outputs are NaN or inf"):
        line_merges(outputs[:, 1])


def test_what_is_given_stays_in_its_order() -> None:
    values = np.array([3.0, 1.0, 2.0])
    line_r_f(values[:, None])
    line_deaths(values[:, None])
    barcode(values)
    assert values.tolist() == [3.0, 1.0, 2.0]
