"""The metrics of the paper's Table 1 and of the GLUE server, by scikit-learn and scipy.

Classes are compared as numbers; F1 is that of class 1. Where a metric is undefined (a correlation with predictions that
are all equal), it counts as 0, so that a model that learned nothing has a score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from obce_core.errors import UnknownName
from obce_core.glue.tasks import Task

Values = Float[np.ndarray, " examples"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: its name, its title, and its function of (labels, predictions), both of shape (examples,).

    `constant` returns the one answer that the majority-class baseline gives to every example, from the labels.
    """

    name: str
    title: str
    compute: Callable[[Values, Values], float]
    constant: Callable[[Values], float]

    def baseline(self, labels: Values) -> float:
        """Score the majority-class baseline: its one answer for every example."""
        return self.compute(labels, np.full(len(labels), self.constant(labels)))


def _accuracy(labels: Values, predictions: Values) -> float:
    return float(np.mean(labels == predictions))


def _f1(labels: Values, predictions: Values) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(labels, predictions, zero_division=0.0))


def _matthews(labels: Values, predictions: Values) -> float:
    from sklearn.metrics import matthews_corrcoef

    return 0.0 if _flat(labels, predictions) else float(matthews_corrcoef(labels, predictions))


def _pearson(labels: Values, predictions: Values) -> float:
    from scipy.stats import pearsonr

    return 0.0 if _flat(labels, predictions) else float(pearsonr(labels, predictions).statistic)


def _spearman(labels: Values, predictions: Values) -> float:
    from scipy.stats import spearmanr

    return 0.0 if _flat(labels, predictions) else float(spearmanr(labels, predictions).statistic)


def _flat(labels: Values, predictions: Values) -> bool:
    return len(labels) < 2 or bool(np.ptp(labels) == 0) or bool(np.ptp(predictions) == 0)


def _most_frequent(labels: Values) -> float:
    values, counts = np.unique(labels, return_counts=True)
    return float(values[counts.argmax()])


def _positive(labels: Values) -> float:
    return 1.0


def _mean(labels: Values) -> float:
    return float(np.mean(labels))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="accuracy", title="accuracy", compute=_accuracy, constant=_most_frequent),
        Metric(name="f1", title="F1", compute=_f1, constant=_positive),
        Metric(name="matthews", title="Matthews", compute=_matthews, constant=_most_frequent),
        Metric(name="pearson", title="Pearson", compute=_pearson, constant=_mean),
        Metric(name="spearman", title="Spearman", compute=_spearman, constant=_mean),
    )
}


def metric_of(name: str) -> Metric:
    """Return a metric by name, or raise UnknownName."""
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    return METRICS[name]


def score(task: Task, labels: Values, predictions: Values) -> dict[str, float]:
    """Compute every metric of a task.

    Args:
        labels, predictions: class numbers or scores, shape (examples,).
    """
    return {name: metric_of(name).compute(labels, predictions) for name in task.metrics}


def baseline(task: Task, labels: Values) -> dict[str, float]:
    """Compute every metric of a task for the majority-class baseline, which gives one answer to every example.

    Accuracy is the share of the most frequent label, F1 that of the answer 1 throughout; Matthews and the two
    correlations are 0.

    Args:
        labels: class numbers or scores, shape (examples,).

    >>> from obce_core.glue.tasks import TASKS
    >>> baseline(TASKS["mrpc"], np.array([1.0, 1.0, 0.0, 1.0]))
    {'f1': 0.8571428571428571, 'accuracy': 0.75}
    """
    return {name: metric_of(name).baseline(labels) for name in task.metrics}


def answers(task: Task, logits: Float[np.ndarray, "examples classes"]) -> Values:
    """Turn a model's outputs into predictions, shape (examples,): the class with the highest output (the first of equal
    ones), or the score itself."""
    return logits[:, 0].astype(np.float64) if task.regression else logits.argmax(axis=1).astype(np.float64)
