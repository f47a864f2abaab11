"""The majority-class baseline: computed from the labels, stored, beside every score; what does not lie above it is
marked."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL
from made import make_evaluation

from obce_core.cli import main
from obce_core.figures.curves import score_curve
from obce_core.figures.pareto import against_size, below_original, intervals
from obce_core.figures.report import report
from obce_core.figures.widgets.leaderboard.data import leaderboard, leaderboard_html
from obce_core.glue.execute import perform
from obce_core.glue.execution import Execution
from obce_core.glue.leaderboard import Row, leaderboard_rows
from obce_core.glue.majority_class import MARK, TITLE, baselines, unlearned
from obce_core.glue.metrics import METRICS, baseline, metric_of
from obce_core.glue.statistics import RESAMPLES, interval
from obce_core.glue.tables import latex, markdown, table_csv
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import Unit, Variant, prepare
from obce_core.storage.atomic import write_json

MOSTLY = np.array([1.0] * 70 + [0.0] * 30)


@pytest.mark.parametrize(
    ("task", "labels", "expected"),
    [
        ("mrpc", MOSTLY, {"f1": 2 * 70 / (2 * 70 + 30), "accuracy": 0.7}),
        ("qqp", 1 - MOSTLY, {"f1": 2 * 30 / (2 * 30 + 70), "accuracy": 0.7}),  # the answer 1, though 0 is more frequent
        ("cola", MOSTLY, {"matthews": 0.0}),
        ("sst2", np.array([1.0, 0, 1, 1]), {"accuracy": 0.75}),
        ("mnli", np.array([0.0, 2, 2, 1, 2]), {"accuracy": 0.6}),
        ("stsb", np.array([0.5, 3.2, 5.0]), {"pearson": 0.0, "spearman": 0.0}),
        ("rte", np.array([1.0, 1.0]), {"accuracy": 1.0}),
    ],
)
def test_a_baseline_by_hand(task: str, labels: np.ndarray, expected: dict[str, float]) -> None:
    assert baseline(TASKS[task], labels) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_a_baseline_that_no_other_constant_beats(metric: str) -> None:
    known = metric_of(metric)
    others = [known.compute(MOSTLY, np.full(len(MOSTLY), constant)) for constant in (0.0, 1.0)]
    assert known.baseline(MOSTLY) == max(others)


def test_an_interval_holds_the_score_and_says_what_was_learned() -> None:
    rng = np.random.default_rng(0)
    good = np.stack([np.where(rng.random(100) < 0.05, 1 - MOSTLY, MOSTLY) for _ in range(3)])
    found = interval("accuracy", MOSTLY, good)
    means = [
        np.mean([np.mean(MOSTLY[draw] == row[draw]) for row in good]) for draw in rng.integers(0, 100, (RESAMPLES, 100))
    ]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), abs=0.01)
    assert found.baseline == 0.7 and found.seeds == 3 and found.learned
    same, worse = interval("accuracy", MOSTLY, np.ones((1, 100))), interval("accuracy", MOSTLY, np.zeros((1, 100)))
    assert same.low < same.baseline < same.high and not same.learned
    assert worse.high < worse.baseline and not worse.learned  # below the baseline is not learned either


def majority_board(home: Path, *, model_name: str = "somebody/tiny") -> list[Row]:
    """Make a board of an original that learned MRPC's labels and a cut that gives the answer 1 to every example."""
    made = []
    for label, plan, wrong in (("original", None, 0.05), ("the cut", "c" * 64, 0.0)):
        one = make_evaluation(home, "mrpc", label=label, plan=plan, wrong=wrong, labels=MOSTLY, model_name=model_name)
        made.append(one)
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    flat = made[1].folder / "predictions.validation.parquet"
    answers = np.ones(len(MOSTLY))
    parquet.write_table(
        arrow.table({"label": MOSTLY, "prediction": answers, "output_0": 1 - answers, "output_1": answers}), flat
    )
    write_json(
        made[1].folder / "result.json", {**made[1].result, "scores": {"validation": baseline(TASKS["mrpc"], MOSTLY)}}
    )
    from obce_core.glue.evaluation import read_evaluation

    return leaderboard_rows([read_evaluation(one.folder) for one in made], resamples=200)


def test_every_table_has_the_baseline_and_marks_what_is_not_above_it(cache: Path) -> None:
    rows = majority_board(cache / "evaluations")
    assert baselines(rows, "mrpc") == {
        ("validation", "f1"): (pytest.approx(140 / 170),),
        ("validation", "accuracy"): (0.7,),
    }
    assert [(one.label, one.metric) for one in unlearned(rows)] == [("the cut", "f1"), ("the cut", "accuracy")]
    whole, cut, last = (line for line in markdown(rows, ["mrpc"]).splitlines()[2:])
    assert MARK not in whole and cut.count(MARK) == 2
    assert last.startswith(f"| {TITLE} | validation |") and last.endswith("| 82.4 / 70.0 |")
    assert f"{TITLE} & validation" in latex(rows, ["mrpc"]) and latex(rows, ["mrpc"]).count(MARK) == 2
    written = {(row["label"], row["metric"]): row for row in csv.DictReader(io.StringIO(table_csv(rows)))}
    assert written["the cut", "accuracy"]["majority_class"] == "0.7"
    assert [written[name, "f1"]["learned"] for name in ("original", "the cut")] == ["yes", "no"]
    low, mean, high = (float(written["original", "f1"][name]) for name in ("interval_low", "mean", "interval_high"))
    assert low <= mean <= high


def test_the_leaderboard_its_figures_and_the_report_have_the_baseline(cache: Path) -> None:
    rows = majority_board(cache / "evaluations")
    group = leaderboard(rows, ["mrpc", "cola"])["groups"][0]["rows"]
    assert group[-1]["label"] == TITLE and group[-1]["key"] == ""
    assert group[-1]["cells"][0]["scores"] == [["82.4", ""], ["70.0", ""]] and group[-1]["cells"][1]["scores"] == [
        ["–", ""]
    ]
    assert [MARK in cell[1] for row in group[:2] for cell in row["cells"][0]["scores"]] == [False, False, True, True]
    size = against_size(rows, "mrpc")
    (line,) = size.layout.shapes
    assert line.y0 == line.y1 == pytest.approx(100 * 140 / 170) and "majority class 82.4" in [
        note.text for note in size.layout.annotations
    ]
    assert size.layout.yaxis.range[0] < line.y0
    dots = {trace.customdata[0][0]: trace.hovertemplate for trace in size.data if trace.mode == "markers"}
    assert [MARK in dots[row.key] for row in rows] == [False, True]
    floors = below_original(rows, "mrpc")
    assert floors == [pytest.approx(140 / 170 - rows[0].cells["mrpc"].spreads["validation", "f1"].mean)]
    gaps = intervals([("the cut", rows[1].cells["mrpc"])], floors=floors)
    assert (
        any(shape.x0 == pytest.approx(100 * floors[0]) for shape in gaps.layout.shapes)
        and gaps.layout.xaxis.range[0] < 100 * floors[0]
    )
    html = report(rows, ["mrpc"], recipe="quick")
    assert html.count(TITLE) >= 3 and MARK in html and "Majority class: one answer for every example" in html
    assert leaderboard_html(leaderboard(rows, ["mrpc"])).count(MARK) == 2


def test_a_curve_of_scores_has_the_baseline_of_the_unit_at_work() -> None:
    row = {
        "unit": "a",
        "label": "x",
        "task": "mrpc",
        "seed": 0,
        "step": 20,
        "validation_f1": 0.8,
        "validation_f1_majority_class": 0.812,
    }
    (line,) = score_curve([row]).layout.shapes
    assert line.y0 == pytest.approx(81.2)
    assert not score_curve(
        [{name: value for name, value in row.items() if "majority" not in name}]
    ).layout.shapes  # an older curve


def test_an_evaluation_stores_the_baseline_of_the_labels_that_it_read(folder: Path, glue: Path, cache: Path) -> None:
    unit = Unit(variant=Variant(label="original", model=str(folder)), task="mnli", seed=0, recipe=SMALL)
    made = perform(prepare(unit, glue_dir=glue), Execution(device="cpu"))
    for split in TASKS["mnli"].validation:
        labels = made.predictions(split)["label"]
        share = np.bincount(labels.astype(int)).max() / len(labels)
        assert made.result["baseline"][split] == {"accuracy": pytest.approx(share)}
        floors = [row[f"{split}_accuracy_majority_class"] for row in made.curve if f"{split}_accuracy" in row]
        assert floors and all(floor == pytest.approx(share) for floor in floors)
    write_json(made.folder / "result.json", {name: value for name, value in made.result.items() if name != "baseline"})
    from obce_core.glue.evaluation import read_evaluation

    assert read_evaluation(made.folder).baseline == made.baseline  # an older one: from its own predictions


def test_evaluate_says_what_was_not_learned(
    folder: Path, glue: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "evaluate",
        "--model",
        str(folder),
        "--task",
        "cola",
        "--tier",
        "smoke",
        "--learning-rate",
        "0",
        "--glue-dir",
        str(glue),
    ]
    assert main([*asked, "--device", "cpu", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert f"| {TITLE} | validation |" in out and MARK in out and "Note: Not learned: the 95 % interval" in out
    assert main([*asked, "--device", "cpu", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["scores"][0]["majority_class"] == {"validation": {"matthews": 0.0}}
    assert [(one["task"], one["metric"]) for one in answer["not_learned"]] == [("cola", "matthews")]
