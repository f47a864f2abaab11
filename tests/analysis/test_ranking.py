"""Rankings against slow and obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obce_core.analysis.ranking import AGGREGATES, NEAR_RULE, jaccard, near_zero, spearman, summarize

scores = st.lists(st.integers(0, 12).map(lambda n: n / 8), min_size=2, max_size=40)


@given(st.data())
def test_spearman_is_scipys(data: st.DataObject) -> None:
    from scipy.stats import spearmanr

    first = np.array(data.draw(scores))
    second = np.array(data.draw(st.lists(st.integers(0, 9).map(float), min_size=len(first), max_size=len(first))))
    found = spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def test_scores_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        spearman(np.zeros(2), np.zeros(3))


@given(st.data(), st.sampled_from([10, 50, 70.5]))
def test_jaccard_counts_what_both_remove(data: st.DataObject, percentile: float) -> None:
    first = np.array(data.draw(scores))
    second = np.array(data.draw(st.lists(st.integers(0, 9).map(float), min_size=len(first), max_size=len(first))))
    removed = [
        {i for i, s in enumerate(values) if s <= np.percentile(values, percentile)} for values in (first, second)
    ]
    index, _ = jaccard(first, second, percentile)
    assert index == len(removed[0] & removed[1]) / len(removed[0] | removed[1])


def test_chance_is_what_random_sets_give() -> None:
    rng = np.random.default_rng(0)
    drawn = [jaccard(rng.random(400), rng.random(400), 30) for _ in range(300)]
    assert drawn[0][1] == pytest.approx(0.3 / 1.7, rel=0.01)
    assert np.mean([index for index, _ in drawn]) == pytest.approx(drawn[0][1], abs=0.01)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_a_cell_is_summed_up_as_it_says(aggregate: str) -> None:
    values = np.array([1.0, 2.0, 3.0, 10.0])
    assert (
        summarize(values, aggregate, below=3.0)
        == {"median": 2.5, "mean": 4.0, "IQR": 3.0, "share under": 0.5}[aggregate]
    )


def test_near_zero_is_below_a_hundredth_of_the_top() -> None:
    assert near_zero(np.array([0.0, 0.0, 1.0, 1.0])) == 0.5
    assert near_zero(np.linspace(0.5, 1.0, 100)) == 0.0
    assert near_zero(np.zeros(5)) == 0.0 and near_zero(np.zeros(0)) == 0.0
    scores = np.random.default_rng(0).lognormal(0, 3, 300)
    top = np.percentile(scores, 99)
    assert near_zero(scores) == sum(score < 0.01 * top for score in scores) / 300
    assert NEAR_RULE == "below 1 % of the cell's 99th percentile"


def test_near_zero_says_nothing_of_how_alike_two_samples_rank() -> None:
    """Half of the scores are tiny, and both samples rank all of them alike; none is tiny, and they rank them at
    odds."""
    rng = np.random.default_rng(1)
    tiny = np.concatenate([rng.uniform(1e-6, 1e-5, 50), rng.uniform(0.5, 1.0, 50)])
    assert near_zero(tiny) == 0.5 and spearman(tiny, 1.1 * tiny) == 1.0
    even, other = rng.uniform(0.5, 1.0, 100), rng.uniform(0.5, 1.0, 100)
    agreement = spearman(even, other)
    assert near_zero(even) == near_zero(other) == 0.0 and agreement is not None and abs(agreement) < 0.3
