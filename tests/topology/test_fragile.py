"""How fragile r_f is: the fast bootstrap against one resample after the other, and the isolated text against trying
all."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.errors import BadInput, NotFinite
from obce_core.topology import bootstrap_r_f, line_r_f, most_isolated, r_f, r_f_without, resample


def slow_bootstrap(values: np.ndarray, draws: int, share: float, seed: int) -> tuple[float, float]:
    """Resample, sort, measure; one sample after the other."""
    random, ordered = np.random.default_rng(seed), np.sort(values.astype(np.float64))
    found = [r_f(ordered[random.integers(0, len(ordered), size=len(ordered))]) for _ in range(draws)]
    return tuple(np.quantile(found, [(1 - share) / 2, (1 + share) / 2]))


@pytest.mark.parametrize("count", [1, 2, 3, 40, 150])
@pytest.mark.parametrize("share", [0.9, 0.5])
def test_the_bootstrap_is_that_of_resampling_one_by_one(count: int, share: float) -> None:
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    values[: count // 3] = values[0]  # ties
    found = bootstrap_r_f(values, draws=60, share=share, seed=5)
    assert (found.low, found.high) == slow_bootstrap(values, 60, share, 5)
    assert (found.share, found.draws) == (share, 60)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=90)
    whole = bootstrap_r_f(values, draws=101)
    monkeypatch.setattr(resample, "_BLOCK", 90 * 7)
    assert bootstrap_r_f(values, draws=101) == whole


def test_the_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert bootstrap_r_f(values) == bootstrap_r_f(values)
    assert bootstrap_r_f(values, draws=5) != bootstrap_r_f(values, draws=5, seed=1)


def test_equal_values_and_one_text_have_an_interval_of_zero() -> None:
    for values in (np.full(9, 0.3), np.array([2.0])):
        found = bootstrap_r_f(values)
        assert (found.low, found.high) == (0.0, 0.0)


def test_one_far_text_makes_a_wide_interval() -> None:
    values = np.append(np.linspace(0, 1, 100), 9.0)
    found = bootstrap_r_f(values)
    assert found.high == pytest.approx(4.0, abs=0.05)  # the far text is in most resamples
    assert bootstrap_r_f(values, share=0.1).low > 3.9
    assert found.low < 0.1  # and missing from 37 %


@pytest.mark.parametrize("bad", [{"draws": 0}, {"share": 0.0}, {"share": 1.0}])
def test_what_cannot_be_drawn_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="bootstrap"):
        bootstrap_r_f(np.arange(4.0), **bad)  # wrong on purpose
    with pytest.raises(BadInput, match="N >= 1"):
        bootstrap_r_f(np.array([]))
    with pytest.raises(NotFinite):
        bootstrap_r_f(np.array([0.0, np.nan]))


@pytest.mark.parametrize("seed", range(8))
def test_the_most_isolated_text_is_farthest_from_its_nearest(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=17).astype(np.float32)
    apart = [min(abs(float(a) - float(b)) for j, b in enumerate(values) if i != j) for i, a in enumerate(values)]
    found = most_isolated(values)
    assert apart[found] == max(apart)
    rest = np.array([value for i, value in enumerate(values) if i != found])
    assert r_f_without(values, found) == line_r_f(rest[:, None])[0]


def test_without_a_text_between_two_gaps_r_f_grows() -> None:
    values = np.array([0.0, 5.0, 10.0, 10.5, 0.5])
    assert most_isolated(values) == 1
    assert (r_f(values), r_f_without(values, 1)) == (2.5, 4.75)


def test_without_the_only_text_there_is_no_gap() -> None:
    assert most_isolated(np.array([3.0])) == 0
    assert r_f_without(np.array([3.0]), 0) == 0.0
    assert r_f_without(np.array([3.0, 4.0]), 0) == 0.0
