"""The bottleneck distance: the closed form against every matching, and against gudhi.hera."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obce_core.topology import Barcode, barcode, bottleneck

deaths = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.55, 0.9, 1.0, 1.3, 2.0, 3.5]), max_size=4)


def bars(values: list[float]) -> Barcode:
    return Barcode(deaths=np.sort(np.array(values, dtype=float)))


def slow_bottleneck(first: list[float], second: list[float]) -> float:
    """Try every matching; each diagram is padded with places on the diagonal for the other's points."""
    a, b = [*first, *[None] * len(second)], [*second, *[None] * len(first)]

    def cost(x: float | None, y: float | None) -> float:
        if x is None or y is None:
            return max(x or 0.0, y or 0.0) / 2
        return abs(x - y)

    return min(
        (max((cost(x, y) for x, y in zip(a, order, strict=True)), default=0.0) for order in set(permutations(b))),
        default=0.0,
    )


@given(deaths, deaths)
def test_no_matching_is_better(first: list[float], second: list[float]) -> None:
    assert bottleneck(bars(first), bars(second)) == pytest.approx(slow_bottleneck(first, second), abs=1e-15)


@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_hera(seed: int) -> None:
    bottleneck_distance = pytest.importorskip("gudhi.hera").bottleneck_distance
    random = np.random.default_rng(seed)
    first, second = (barcode(random.standard_t(2, size=size)) for size in random.integers(1, 160, size=2))
    theirs = bottleneck_distance(first.diagram(), second.diagram(), delta=0.0)
    assert bottleneck(first, second) == pytest.approx(theirs, rel=1e-12)


def test_by_hand() -> None:
    assert bottleneck(bars([1.0]), bars([])) == 0.5  # with the diagonal
    assert bottleneck(bars([1.0]), bars([0.9])) == pytest.approx(0.1)
    assert bottleneck(bars([1.0, 0.2]), bars([0.9])) == pytest.approx(0.1)
    assert bottleneck(bars([]), bars([])) == 0.0


@given(deaths, deaths)
def test_it_is_symmetric_and_zero_for_equals(first: list[float], second: list[float]) -> None:
    assert bottleneck(bars(first), bars(second)) == bottleneck(bars(second), bars(first))
    assert bottleneck(bars(first), bars(first)) == 0.0
