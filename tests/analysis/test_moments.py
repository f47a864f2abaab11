"""Mean and std in one pass, against two passes in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from naive import two_pass

from obce_core.analysis.moments import Moments


def add(moments: Moments, block: np.ndarray, keep: np.ndarray) -> None:
    """Add a block of float32 rows of which only some are tokens."""
    moments.add(torch.from_numpy(block), torch.from_numpy(np.flatnonzero(~keep)))


def check(moments: Moments, rows: np.ndarray, rel: float) -> None:
    mean, std = two_pass(rows)
    assert moments.count == len(rows)
    scale = np.abs(mean) + std
    assert (np.abs(moments.mean - mean) <= 1e-6 * scale).all()
    assert moments.std == pytest.approx(std, rel=rel, abs=1e-12)


def test_three_rows_by_hand() -> None:
    moments = Moments(2)
    moments.add_exact(np.array([[1.0, 5.0]], dtype=np.float32))
    moments.add_exact(np.array([[2.0, 5.0], [6.0, 5.0]], dtype=np.float32))
    assert moments.count == 3
    assert moments.mean.tolist() == [3.0, 5.0]
    assert moments.std.tolist() == pytest.approx([np.sqrt(14 / 3), 0.0], abs=1e-15)


def test_nothing_added_is_zero_and_one_row_has_no_spread() -> None:
    moments = Moments(1)
    assert (moments.count, moments.mean.tolist(), moments.std.tolist()) == (0, [0.0], [0.0])
    add(moments, np.array([[3.0]], dtype=np.float32), np.array([True]))
    assert (moments.count, moments.mean.tolist(), moments.std.tolist()) == (1, [3.0], [0.0])


@pytest.mark.parametrize("ratio", [0.0, 1.0, 3.9, 4.1, 100.0, 1000.0, -1000.0])
def test_the_spread_keeps_its_digits_when_the_mean_is_a_thousand_times_larger(ratio: float) -> None:
    rng = np.random.default_rng(3)
    spreads = np.array([1e-3, 1.0, 1e3])
    rows = ((rng.normal(size=(4000, 3)) + ratio) * spreads).astype(np.float32)
    moments = Moments(3)
    for start in range(0, 4000, 1000):
        add(moments, rows[start : start + 1000], np.ones(1000, dtype=bool))
    check(moments, rows, rel=1e-4)


def test_padding_never_counts_however_large_it_is() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(600, 5)).astype(np.float32)
    keep = rng.random(600) < 0.3
    rows[~keep] = rows[~keep] * 30.0 + 50.0
    moments = Moments(5)
    for start in range(0, 600, 200):
        add(moments, rows[start : start + 200], keep[start : start + 200])
    check(moments, rows[keep], rel=1e-4)


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 7), st.integers(0, 10**6))
def test_however_the_rows_are_cut_into_blocks_the_moments_are_the_same(
    count: int, width: int, step: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(count, width)) + rng.normal(size=width) * 5).astype(np.float32)
    keep = rng.random(count) < 0.8
    fast, exact = Moments(width), Moments.of_few(width)
    for start in range(0, count, step):
        part = slice(start, start + step)
        if keep[part].any():
            add(fast, rows[part], keep[part])
            exact.add_exact(rows[part][keep[part]])
    if keep.any():
        check(fast, rows[keep], rel=1e-4)
        check(exact, rows[keep], rel=1e-9)


def test_values_whose_squares_leave_float32_are_still_right() -> None:
    rows = (np.random.default_rng(6).normal(size=(50, 2)) * 1e25).astype(np.float32)
    moments = Moments(2)
    add(moments, rows, np.ones(50, dtype=bool))
    check(moments, rows, rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_show_in_their_column_without_a_warning(bad: float) -> None:
    rows = np.ones((8, 3), dtype=np.float32)
    rows[2, 1] = bad
    fast, exact = Moments(3), Moments(3)
    for moments in (fast, exact):
        for _ in range(2):
            moments.add_exact(rows) if moments is exact else add(moments, rows, np.ones(8, dtype=bool))
        shown = np.isfinite(moments.mean) & np.isfinite(moments.std)
        assert shown.tolist() == [True, False, True]
