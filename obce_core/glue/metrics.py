"""The metrics of the paper's Table 1 and of the GLUE server, by scikit-learn and scipy: labels and predictions in, one number out.

Classes are compared as numbers; F1 is that of class 1. Where a metric is undefined (a correlation with predictions that are all
equal), it counts as 0, so that a model that learned nothing has a score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from obce_core.errors import UnknownName
from obce_core.tasks import Task

Values = Float[np.ndarray, " examples"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: its name, a title for people, and what computes it from (labels, predictions), both of shape (examples,)."""

    name: str
    title: str
    compute: Callable[[Values, Values], float]


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


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="accuracy", title="accuracy", compute=_accuracy),
        Metric(name="f1", title="F1", compute=_f1),
        Metric(name="matthews", title="Matthews", compute=_matthews),
        Metric(name="pearson", title="Pearson", compute=_pearson),
        Metric(name="spearman", title="Spearman", compute=_spearman),
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


def answers(task: Task, logits: Float[np.ndarray, "examples classes"]) -> Values:
    """Turn a model's outputs into predictions, shape (examples,): the class with the highest output (the first of equal ones), or
    the score itself."""
    return logits[:, 0].astype(np.float64) if task.regression else logits.argmax(axis=1).astype(np.float64)
