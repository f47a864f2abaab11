"""Where a neuron stands: its percentile is the first Pxx that removes it."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.criteria.rank import percentiles, standing
from obce_core.plan.plan import keep_above


@pytest.mark.parametrize("tied", [False, True])
def test_the_percentile_is_the_first_that_removes_the_neuron(tied: bool) -> None:
    scores = np.random.default_rng(0).gamma(2.0, size=41)
    if tied:
        scores = np.round(scores, 1)
    for at in range(41):
        first = standing(scores, at).percentile
        assert first is not None
        if first < 99.5:
            assert not keep_above(scores, first + 0.01)[at]
        if first > 0.5:
            assert keep_above(scores, first - 0.01)[at]


@pytest.mark.parametrize("scores", [[3.0, 1.0, 3.0, 2.0], [0.0, 0.0], [1.0, 1.0, 5.0], [7.0, 2.0, 2.0, 9.0, 9.0]])
def test_the_percentiles_of_a_cell_are_those_of_its_neurons(scores: list[float]) -> None:
    values = np.array(scores)
    assert percentiles(values).tolist() == [standing(values, at).percentile for at in range(len(values))]


def test_one_neuron_has_no_percentile() -> None:
    assert np.isnan(percentiles(np.array([3.0]))).tolist() == [True] and len(percentiles(np.zeros(0))) == 0


def test_ranks_and_the_median() -> None:
    told = [standing(np.array([3.0, 1.0, 3.0, 2.0]), at) for at in range(4)]
    assert [entry.rank for entry in told] == [1, 4, 1, 3]
    assert told[0].of == 4 and told[0].median == 2.5
    assert standing(np.array([3.0]), 0).percentile is None
