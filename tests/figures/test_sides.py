"""What the widest gap separates: against the texts sorted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.figures.widgets.film.data import MOST
from obce_core.topology import line_merges, thin_line
from obce_core.topology.sides import shares, sides


def found(values: np.ndarray, most: int = 10, drawn: int = MOST):
    return sides(values, thin_line(values, drawn), most)


def test_the_small_side_comes_first_nearest_the_gap() -> None:
    told = found(np.array([9.0, 0.0, 1.0, 10.0, 2.0]))
    assert (told.small.texts, told.small.size, told.large.texts, told.large.size) == ((0, 3), 2, (4, 2, 1), 3)
    assert (told.small_is_left, told.low, told.high) == (False, 2.0, 9.0)
    told = found(np.array([0.0, 5.0, 6.0, 7.0]), most=2)
    assert (told.small.texts, told.large.texts, told.large.size, told.small_is_left) == ((0,), (1, 2), 3, True)


@pytest.mark.parametrize("drawn", [MOST, 30])
@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_last_merge(seed: int, drawn: int) -> None:
    values = np.random.default_rng(seed).normal(size=200).astype(np.float32)
    order, merges = line_merges(values)
    last = merges[-1]
    told = found(values, 200, drawn)
    left, right = set(order[: last.gap + 1].tolist()), set(order[last.gap + 1 :].tolist())
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    assert (set(told.small.texts), set(told.large.texts)) == (small, large)
    assert told.high - told.low == 2 * last.radius


@pytest.mark.parametrize("values", [np.array([1.0]), np.full(5, 2.0)])
def test_without_a_gap_there_are_no_sides(values: np.ndarray) -> None:
    assert found(values) is None


def test_shares_count_here_and_everywhere() -> None:
    assert shares(["a", "b", "a", "c"], np.array([True, True, True, False])) == [("a", 2, 2), ("b", 1, 1)]
    assert shares([], np.array([], dtype=bool)) == []
