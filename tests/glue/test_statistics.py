"""Differences between models: the fast resampling against the plain one, and what must hold of any interval."""

from __future__ import annotations

import numpy as np
import pytest

from obce_core.glue.metrics import METRICS, metric_of
from obce_core.glue.statistics import _FAST, _scores, changed, difference, spread


def made(metric: str, seed: int, examples: int = 60, seeds: int = 3):
    rng = np.random.default_rng(seed)
    if metric in ("pearson", "spearman"):
        labels = rng.uniform(0, 5, examples).round(1)
        return labels, labels + rng.normal(0, 1.0, (seeds, examples)), labels + rng.normal(0, 2.0, (seeds, examples))
    labels = (rng.random(examples) < 0.6).astype(float)
    flip = lambda share: np.where(rng.random((seeds, examples)) < share, 1 - labels, labels)  # noqa: E731
    return labels, flip(0.1), flip(0.4)


@pytest.mark.parametrize("metric", METRICS)
def test_many_resamples_at_once_give_the_metrics_own_numbers(metric: str) -> None:
    labels, ours, _ = made(metric, 1)
    draws = np.random.default_rng(2).integers(0, len(labels), (25, len(labels)))
    slow = np.mean([[metric_of(metric).compute(labels[draw], row[draw]) for draw in draws] for row in ours], axis=0)
    np.testing.assert_allclose(_scores(metric, labels, ours, draws), slow, atol=1e-12)


@pytest.mark.parametrize("metric", _FAST)
def test_a_resample_without_variety_counts_as_the_metric_does(metric: str) -> None:
    labels, row = np.array([0.0, 0.0, 1.0, 1.0]), np.zeros((1, 4))
    draws = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])
    slow = [metric_of(metric).compute(labels[draw], row[0][draw]) for draw in draws]
    np.testing.assert_allclose(_scores(metric, labels, row, draws), slow)


@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_holds_the_difference_and_turns_with_it(metric: str) -> None:
    labels, ours, others = made(metric, 3, examples=400)
    one, back = (
        difference(metric, labels, ours, others, resamples=400),
        difference(metric, labels, others, ours, resamples=400),
    )
    assert one.low < one.mean < one.high
    assert one.mean == pytest.approx(-back.mean)
    assert (one.low, one.high) == pytest.approx((-back.high, -back.low))
    assert one.clear and one.mean > 0  # ours errs far less


def test_equal_models_differ_by_nothing() -> None:
    labels, ours, _ = made("accuracy", 4)
    same = difference("accuracy", labels, ours, ours, resamples=100)
    assert (same.mean, same.low, same.high, same.clear) == (0.0, 0.0, 0.0, False)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # Two models that are right with chances 0.8 and 0.7, independently: 0.1 must lie in about 95 of 100 intervals.
    rng, hits = np.random.default_rng(5), 0
    for at in range(120):
        labels = np.zeros(300)
        ours, others = (np.where(rng.random((1, 300)) < chance, 0.0, 1.0) for chance in (0.8, 0.7))
        found = difference("accuracy", labels, ours, others, resamples=300, seed=at)
        hits += found.low <= 0.1 <= found.high
    assert 105 <= hits <= 119


def test_more_examples_make_it_narrower() -> None:
    widths = []
    for examples in (100, 1600):
        labels, ours, others = made("accuracy", 6, examples=examples)
        found = difference("accuracy", labels, ours, others, resamples=400)
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(4.0, rel=0.35)


def test_answers_that_changed_are_counted_by_seed() -> None:
    labels = np.array([0.0, 1.0, 2.0, 2.0])
    ours = np.array([[0, 0, 2, 1], [1, 1, 2, 1]], dtype=float)
    others = np.array([[0, 1, 0, 0], [0, 1, 2, 1]], dtype=float)
    found = changed(labels, ours, others)
    assert found["lost"].tolist() == [1, 1, 0, 0]
    assert found["won"].tolist() == [0, 0, 1, 0]
    assert found["moved"].tolist() == [0, 0, 0, 1]


def test_scores_are_right_within_half_a_point() -> None:
    found = changed(np.array([2.0, 2.0]), np.array([[2.4, 2.6]]), np.array([[2.6, 2.2]]))
    assert (found["won"].tolist(), found["lost"].tolist()) == ([1, 0], [0, 1])


def test_spread_over_seeds() -> None:
    one = spread([0.5])
    assert (one.mean, one.std, one.seeds) == (0.5, None, 1)
    three = spread([0.1, 0.2, 0.3])
    assert (three.mean, three.std, three.low, three.high) == pytest.approx((0.2, 0.1, 0.1, 0.3))
