"""Statistics of the difference between two models: spread, paired bootstrap, changed answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from obce_core.glue.metrics import metric_of

Labels = Float[np.ndarray, " examples"]
Answers = Float[np.ndarray, "seeds examples"]

CLOSE = 0.5
"""A predicted score (STS-B) this near to its label counts as a right answer."""

RESAMPLES = 2_000
_CHUNK = 200
"""Resamples drawn at once, so that memory stays small."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A score over seeds: mean, sample standard deviation (ddof 1; None for one seed), lowest, highest, how many."""

    mean: float
    std: float | None
    low: float
    high: float
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference of two mean scores (ours minus the other's), with its 95 % bootstrap interval.

    `seeds` are those that both have. The interval speaks of the examples of this split; how much another seed would
    change is in the spread.
    """

    mean: float
    low: float
    high: float
    seeds: int
    resamples: int

    @property
    def clear(self) -> bool:
        """Return True if the interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The 95 % bootstrap interval of a mean score, and the score of the majority-class baseline.

    Both are of the same examples; `seeds` are those whose scores the mean is of.
    """

    low: float
    high: float
    baseline: float
    seeds: int

    @property
    def learned(self) -> bool:
        """Return True if the whole interval lies above the baseline."""
        return self.low > self.baseline


def spread(scores: Sequence[float]) -> Spread:
    """Summarise the scores of the same model with different seeds.

    >>> spread([0.8, 0.9]).mean
    0.8500000000000001
    """
    values = np.asarray(scores, dtype=np.float64)
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return Spread(
        mean=float(values.mean()), std=std, low=float(values.min()), high=float(values.max()), seeds=len(values)
    )


def difference(
    metric: str, labels: Labels, ours: Answers, others: Answers, *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """Estimate how much better `ours` is than `others`, by the paired bootstrap over examples.

    Each resample draws examples with replacement, the same ones for both models and all seeds, and takes the difference
    of the two scores, each averaged over seeds. A resample in which a metric is undefined counts it as `score` does.

    Args:
        labels: shape (examples,).
        ours, others: predictions, shape (seeds, examples); row i of both has the same seed.
    """
    whole = np.arange(len(labels))[None, :]
    point = float(_scores(metric, labels, ours, whole)[0] - _scores(metric, labels, others, whole)[0])
    gaps = [
        _scores(metric, labels, ours, draws) - _scores(metric, labels, others, draws)
        for draws in _draws(len(labels), resamples, seed)
    ]
    low, high = np.quantile(np.concatenate(gaps), (0.025, 0.975))
    return Difference(mean=point, low=float(low), high=float(high), seeds=len(ours), resamples=resamples)


def interval(metric: str, labels: Labels, answers: Answers, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Estimate by the bootstrap how a score, averaged over seeds, varies with other examples.

    Args:
        labels: shape (examples,).
        answers: predictions, shape (seeds, examples).
    """
    scores = [_scores(metric, labels, answers, draws) for draws in _draws(len(labels), resamples, seed)]
    low, high = np.quantile(np.concatenate(scores), (0.025, 0.975))
    return Interval(low=float(low), high=float(high), baseline=metric_of(metric).baseline(labels), seeds=len(answers))


def _draws(examples: int, resamples: int, seed: int) -> Iterator[Int[np.ndarray, "draws examples"]]:
    """Draw resamples of the examples, a chunk at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        yield rng.integers(0, examples, (min(_CHUNK, resamples - start), examples))


def changed(labels: Labels, ours: Answers, others: Answers) -> dict[str, Int[np.ndarray, " examples"]]:
    """Count, for each example, the seeds in which the answer changed.

    Returns:
        `lost`: the other was right and ours is wrong; `won`: the other way round; `moved`: both are wrong, differently.
            Each of
        shape (examples,). Of scores (STS-B), right means within CLOSE of the label.
    """
    right_ours, right_others = _right(labels, ours), _right(labels, others)
    return {
        "lost": (right_others & ~right_ours).sum(axis=0),
        "won": (right_ours & ~right_others).sum(axis=0),
        "moved": (~right_ours & ~right_others & (ours != others)).sum(axis=0),
    }


def _right(labels: Labels, answers: Answers) -> Bool[np.ndarray, "seeds examples"]:
    whole = bool(np.all(answers == np.floor(answers)))
    return answers == labels if whole else np.abs(answers - labels) <= CLOSE


def _scores(
    metric: str, labels: Labels, answers: Answers, draws: Int[np.ndarray, "draws examples"]
) -> Float[np.ndarray, " draws"]:
    """Score every resample, averaged over seeds."""
    fast = _FAST.get(metric)
    total = np.zeros(len(draws))
    for row in answers:
        if fast is not None:
            total += fast(labels, row, draws)
        else:
            total += [metric_of(metric).compute(labels[draw], row[draw]) for draw in draws]
    return total / len(answers)


def _accuracy(labels: Labels, row: Labels, draws: Int[np.ndarray, "draws examples"]) -> Float[np.ndarray, " draws"]:
    return (labels == row)[draws].mean(axis=1)


def _f1(labels: Labels, row: Labels, draws: Int[np.ndarray, "draws examples"]) -> Float[np.ndarray, " draws"]:
    both, either = (
        ((labels == 1) & (row == 1))[draws].sum(axis=1),
        ((labels == 1) * 1 + (row == 1) * 1)[draws].sum(axis=1),
    )
    return np.divide(2.0 * both, either, out=np.zeros(len(draws)), where=either > 0)


def _matthews(labels: Labels, row: Labels, draws: Int[np.ndarray, "draws examples"]) -> Float[np.ndarray, " draws"]:
    truth, told = (labels == 1)[draws], (row == 1)[draws]
    hit, miss = (truth & told).sum(axis=1), (truth & ~told).sum(axis=1)
    false, rest = (~truth & told).sum(axis=1), (~truth & ~told).sum(axis=1)
    hit, miss, false, rest = (part.astype(np.float64) for part in (hit, miss, false, rest))
    root = np.sqrt((hit + false) * (hit + miss) * (rest + false) * (rest + miss))
    return np.divide(hit * rest - false * miss, root, out=np.zeros(len(draws)), where=root > 0)


def _pearson(labels: Labels, row: Labels, draws: Int[np.ndarray, "draws examples"]) -> Float[np.ndarray, " draws"]:
    return _correlation(labels[draws], row[draws])


def _correlation(
    a: Float[np.ndarray, "draws examples"], b: Float[np.ndarray, "draws examples"]
) -> Float[np.ndarray, " draws"]:
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    root = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), root, out=np.zeros(len(a)), where=root > 0)


def _spearman(labels: Labels, row: Labels, draws: Int[np.ndarray, "draws examples"]) -> Float[np.ndarray, " draws"]:
    return _correlation(_ranks(labels, draws), _ranks(row, draws))


def _ranks(values: Labels, draws: Int[np.ndarray, "draws examples"]) -> Float[np.ndarray, "draws examples"]:
    """Rank each resample, equal values at their mean rank: counted by value, without sorting again."""
    known, place = np.unique(values, return_inverse=True)
    ranks = place[draws]
    offset = np.arange(len(draws))[:, None] * len(known)
    counts = np.bincount((ranks + offset).ravel(), minlength=len(draws) * len(known)).reshape(len(draws), len(known))
    middle = np.cumsum(counts, axis=1) - (counts - 1) / 2
    return np.take_along_axis(middle, ranks, axis=1)


_FAST = {"accuracy": _accuracy, "f1": _f1, "matthews": _matthews, "pearson": _pearson, "spearman": _spearman}
"""The same numbers as `METRICS`, for many resamples at once; a metric that is not here is computed one by one."""
