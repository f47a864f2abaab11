"""Metrics against hand-computed numbers, and every task against the paper's Table 1."""

from __future__ import annotations

import math

import numpy as np
import pytest

from obce_core.errors import UnknownName
from obce_core.glue.metrics import METRICS, answers, metric_of, score
from obce_core.glue.tasks import TASKS, task_of, usual_tasks

LABELS = np.array([1.0, 1, 1, 0, 0, 0, 0, 1])
TOLD = np.array([1.0, 1, 0, 0, 0, 1, 0, 1])  # 3 true positives, 1 false, 1 missed, 3 true negatives


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("accuracy", 6 / 8), ("f1", 2 * 3 / (2 * 3 + 1 + 1)), ("matthews", (3 * 3 - 1 * 1) / 16)],
)
def test_a_metric_by_hand(metric: str, expected: float) -> None:
    assert metric_of(metric).compute(LABELS, TOLD) == pytest.approx(expected)


def test_correlations_by_hand() -> None:
    labels, told = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 40.0])
    a, b = labels - 2.5, told - told.mean()
    assert metric_of("pearson").compute(labels, told) == pytest.approx(float(a @ b / math.sqrt((a @ a) * (b @ b))))
    assert metric_of("spearman").compute(labels, told) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_that_says_always_the_same_has_a_number(metric: str) -> None:
    assert math.isfinite(metric_of(metric).compute(LABELS, np.zeros(8)))


def test_the_tasks_metrics_are_the_papers() -> None:
    assert {name: task.metrics for name, task in TASKS.items()} == {
        "mnli": ("accuracy",),
        "qqp": ("f1", "accuracy"),
        "qnli": ("accuracy",),
        "sst2": ("accuracy",),
        "cola": ("matthews",),
        "stsb": ("pearson", "spearman"),
        "mrpc": ("f1", "accuracy"),
        "rte": ("accuracy",),
        "wnli": ("accuracy",),
    }
    assert usual_tasks() == ("mnli", "qqp", "qnli", "sst2", "cola", "stsb", "mrpc", "rte")
    assert TASKS["mnli"].validation == ("validation_matched", "validation_mismatched")


def test_both_numbers_are_told() -> None:
    assert set(score(TASKS["mrpc"], LABELS, TOLD)) == {"f1", "accuracy"}


def test_outputs_become_answers() -> None:
    assert answers(TASKS["mnli"], np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]], dtype=np.float32)).tolist() == [1.0, 0.0]
    assert answers(TASKS["stsb"], np.array([[3.25], [5.5]], dtype=np.float32)).tolist() == [3.25, 5.5]


def test_names_are_forgiving_and_refusals_helpful() -> None:
    assert task_of("STS-B").name == "stsb"
    with pytest.raises(UnknownName, match="cola"):
        task_of("snli")
    with pytest.raises(UnknownName, match="matthews"):
        metric_of("mcc")
