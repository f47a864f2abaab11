"""What a percentile keeps, and how kept neurons are written."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from obce_core.plan import keep_above, to_ranges

# scores, percentile, kept
CASES = [
    ([1.0, 2.0, 3.0, 4.0, 5.0], 50, [3, 4]),  # the percentile is 3, which goes too
    ([1.0, 2.0, 3.0, 4.0, 5.0], 25, [2, 3, 4]),
    ([1.0, 2.0, 3.0, 4.0, 5.0], 30, [2, 3, 4]),
    ([1.0, 2.0, 3.0, 4.0], 50, [2, 3]),  # 2.5
    ([5.0, 1.0, 4.0, 2.0, 3.0], 50, [0, 2]),
    ([1.0, 2.0, 2.0, 2.0, 3.0], 50, [4]),  # ties go together
    ([1.0, 2.0, 2.0, 2.0, 3.0], 30, [4]),
    ([1.0, 2.0, 2.0, 2.0, 3.0], 10, [1, 2, 3, 4]),
    ([2.0] * 5, 1, []),
    ([7.0], 50, []),
    ([1.0, 2.0], 99.9, [1]),
    ([1.0, 2.0], 0.1, [1]),
    ([0.0, 0.0, 0.0, 1.0], 70, [3]),
]


@pytest.mark.parametrize(("scores", "percentile", "kept"), CASES)
def test_what_lies_strictly_above_the_percentile_is_kept(
    scores: list[float], percentile: float, kept: list[int]
) -> None:
    assert np.flatnonzero(keep_above(np.array(scores), percentile)).tolist() == kept


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(1, 199))
def test_it_removes_what_is_at_most_the_score_at_the_percentiles_place(scores: list[int], halves: int) -> None:
    percentile = halves / 2
    place = (len(scores) - 1) * (percentile / 100)
    exact = (len(scores) - 1) * Fraction(halves, 200)
    assume(place == exact or abs(place - round(place)) > 1e-9)
    limit = sorted(scores)[math.floor(place)]
    assert keep_above(np.array(scores), percentile).tolist() == [score > limit for score in scores]


def test_float32_scores_are_compared_in_float64() -> None:
    scores = np.float32([0.1, 0.2, 0.3])
    assert keep_above(scores, 50).tolist() == [False, False, True]
    assert keep_above(scores.astype(np.float64), 50).tolist() == [False, False, True]


@given(st.integers(1, 60), st.floats(0.5, 99.5))
def test_a_larger_percentile_never_keeps_more(count: int, percentile: float) -> None:
    scores = np.random.default_rng(count).normal(size=count)
    more, less = keep_above(scores, percentile / 2), keep_above(scores, percentile)
    assert not (less & ~more).any()


@pytest.mark.parametrize(
    ("mask", "ranges"),
    [
        ([], []),
        ([0, 0], []),
        ([1], [0]),
        ([1, 1], [[0, 1]]),
        ([1, 0, 1, 1, 1, 0, 1], [0, [2, 4], 6]),
        ([0, 1, 1, 0], [[1, 2]]),
    ],
)
def test_kept_neurons_are_written_as_ranges_with_both_ends(mask: list[int], ranges: list[Any]) -> None:
    assert to_ranges(np.array(mask, dtype=bool)) == ranges
