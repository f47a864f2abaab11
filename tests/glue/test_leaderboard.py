"""The leaderboard, its tables and the submission, from evaluations made by hand."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from obce_core.errors import BadInput
from obce_core.glue.evaluation import FORMAT, Evaluation, evaluations_home, list_evaluations, read_evaluation
from obce_core.glue.leaderboard import changes, compare_rows, front, leaderboard_rows
from obce_core.glue.metrics import score
from obce_core.glue.published import TABLE_4, TABLE_5
from obce_core.glue.recipe import Recipe, recipe_of
from obce_core.glue.statistics import difference
from obce_core.glue.submission import answer_text, submission
from obce_core.glue.tables import head, latex, left_out, lines, markdown, percent, table_csv
from obce_core.glue.tasks import TASKS
from obce_core.storage.atomic import write_json
from obce_core.storage.staging import staged_folder

RECIPE = recipe_of("quick", learning_rate=2e-5)


def put(
    name: str,
    label: str,
    task: str,
    seed: int,
    wrong: float,
    *,
    plan: str | None = None,
    parameters: int = 100,
    tests: bool = False,
    recipe: Recipe = RECIPE,
    examples: int = 80,
    train: str = "t",
    model: str = "w" * 64,
    origin: dict | None = None,
    asked: float | None = None,
) -> Evaluation:
    """Write an evaluation whose answers are wrong with the given chance."""
    known = TASKS[task]
    rng = np.random.default_rng([seed, len(label), examples])
    labels = np.random.default_rng(1).integers(0, known.classes, examples).astype(float)
    if known.regression:
        labels = np.random.default_rng(1).uniform(0, 5, examples)
    splits = [*known.validation, *(known.tests if tests else ())]
    unit = {
        "format": FORMAT,
        "label": label,
        "asked": float(seed) if asked is None else asked,
        "model_name": "tiny",
        "model": model,
        "plan": plan,
        "order": "cut-first" if plan else None,
        "intent": None,
        "task": task,
        "train": train,
        "splits": dict.fromkeys(splits, "d"),
        "recipe": recipe.plain(),
        "tier": "quick",
        "seed": seed,
        **({"origin": origin} if origin else {}),
    }
    scores = {}
    with staged_folder(evaluations_home() / name) as stage:
        for split in splits:
            told = np.where(rng.random(examples) < wrong, (labels + 1) % max(2, known.classes), labels)
            columns = {
                "label": np.full(examples, np.nan) if split.startswith("test") else labels,
                "prediction": told,
                "output_0": told,
            }
            parquet.write_table(arrow.table(columns), stage / f"predictions.{split}.parquet")
            if not split.startswith("test"):
                scores[split] = score(known, labels, told)
        write_json(stage / "unit.json", unit)
        write_json(stage / "curve.json", [])
        result = {
            "scores": scores,
            "parameters": parameters,
            "encoder": parameters // 2,
            "original_encoder": 50,
            "notes": [],
        }
        write_json(stage / "result.json", result)
    return read_evaluation(name)


@pytest.fixture
def made() -> list[Evaluation]:
    found = []
    for seed in range(3):
        found.append(put(f"o{seed}", "original", "mrpc", seed, 0.1))
        found.append(put(f"p{seed}", "P50", "mrpc", seed, 0.3, plan="p" * 64, parameters=60))
        found.append(put(f"r{seed}", "random", "mrpc", seed, 0.5, plan="r" * 64, parameters=60))
    found.append(put("m0", "original", "mnli", 0, 0.2))
    return found


def test_rows_group_seeds_and_tasks_and_originals_come_first(made) -> None:
    rows = leaderboard_rows(made, resamples=100)
    assert [row.label for row in rows] == ["original", "P50", "random"]
    assert set(rows[0].cells) == {"mnli", "mrpc"} and rows[0].original
    cell = rows[1].cells["mrpc"]
    assert set(cell.evaluations) == {0, 1, 2}
    told = [one.scores["validation"]["f1"] for one in cell.evaluations.values()]
    assert cell.spreads["validation", "f1"].mean == pytest.approx(np.mean(told))
    assert cell.spreads["validation", "f1"].std == pytest.approx(np.std(told, ddof=1))
    assert cell.main == ("validation", "f1") and cell.against == "original"
    labels = made[0].predictions("validation")["label"]
    a, b = (
        np.stack([read_evaluation(f"{name}{seed}").predictions("validation")["prediction"] for seed in range(3)])
        for name in "po"
    )
    assert cell.differences["validation", "f1"] == difference("f1", labels, a, b, resamples=100)
    assert rows[0].cells["mrpc"].differences == {}
    assert rows[1].share == pytest.approx(30 / 50)
    assert set(rows[0].cells["mnli"].spreads) == {
        ("validation_matched", "accuracy"),
        ("validation_mismatched", "accuracy"),
    }


def test_other_recipes_and_seeds_are_never_mixed(made) -> None:
    put("x0", "original", "cola", 5, 0.1)
    put("x1", "P50", "cola", 6, 0.1, plan="p" * 64)
    put("x2", "P50", "cola", 5, 0.1, plan="p" * 64, recipe=recipe_of("paper", learning_rate=2e-5))
    rows = leaderboard_rows(list_evaluations(), resamples=10)
    assert len([row for row in rows if row.label == "P50"]) == 2
    assert all(
        row.cells["cola"].differences == {} for row in rows if row.label == "P50"
    )  # no seed in common, or another recipe


def test_what_was_trained_on_other_examples_is_not_compared(made) -> None:
    put("o9", "original", "cola", 0, 0.1, train="all", asked=1.0)
    put("p9", "P50", "cola", 0, 0.1, plan="p" * 64, train="a part", asked=2.0)
    put("p8", "P50", "cola", 0, 0.1, plan="p" * 64, train="another part", asked=3.0)
    (cut,) = [row for row in leaderboard_rows(list_evaluations(), resamples=10) if row.label == "P50"]
    assert cut.cells["cola"].differences == {} and cut.cells["mrpc"].differences
    assert cut.cells["cola"].evaluations[0].id == "p8" and cut.cells["cola"].other_data == 1
    assert left_out([cut]).startswith("1 older") and left_out([]) == ""


def test_a_model_that_was_cut_before_stands_beside_its_original(made) -> None:
    origin = {"model": "w" * 64, "plan": "p" * 64, "encoder": 50}
    put("b0", "my-model", "mrpc", 0, 0.3, model="c" * 64, origin=origin, parameters=60)
    put("b1", "saved again", "mrpc", 0, 0.3, model="d" * 64, origin=origin | {"model": None}, parameters=60)
    rows = {row.label: row for row in leaderboard_rows(list_evaluations(), resamples=50)}
    assert not rows["my-model"].original and rows["my-model"].share == pytest.approx(30 / 50)
    assert rows["my-model"].cells["mrpc"].against == "original" and rows["my-model"].cells["mrpc"].differences
    assert not rows["saved again"].original and rows["saved again"].cells["mrpc"].differences == {}


def test_rows_are_compared_with_each_other(made) -> None:
    rows = leaderboard_rows(made, resamples=50)
    cell = compare_rows(rows[1], rows[2], resamples=50)["mrpc"]
    assert cell.against == "random" and cell.differences["validation", "f1"].mean > 0
    assert (
        compare_rows(rows[1], rows[0], resamples=50)["mrpc"].differences.keys()
        == rows[1].cells["mrpc"].differences.keys()
    )


def test_changed_examples_by_seed(made) -> None:
    rows = leaderboard_rows(made, resamples=10)
    found = changes(rows[1].cells["mrpc"], rows[0].cells["mrpc"].evaluations, "validation")
    assert found["ours"].shape == (3, 80)
    right = found["ours"] == found["label"], found["others"] == found["label"]
    assert np.array_equal(found["lost"], (right[1] & ~right[0]).sum(axis=0))


def test_the_front_is_of_those_that_nobody_beats(made) -> None:
    put("s0", "small and good", "mrpc", 0, 0.0, plan="s" * 64, parameters=10)
    rows = leaderboard_rows(list_evaluations(), resamples=10)
    best = next(row for row in rows if row.label == "small and good")
    assert front(rows, "mrpc") == [best.key]
    kept = [row for row in rows if row.label != "small and good"]
    names = [next(row.label for row in kept if row.key == key) for key in front(kept, "mrpc")]
    assert names == ["P50", "original"]


def test_tables_hold_every_number_and_escape(made) -> None:
    put("e0", "50 % & <b>|x", "mrpc", 0, 0.1, plan="e" * 64)
    rows = leaderboard_rows(list_evaluations(), resamples=20)
    text = markdown(rows, ["mnli", "mrpc"], published=True)
    assert head(["mnli", "mrpc"])[-2:] == ["MNLI m/mm (accuracy)", "MRPC (F1/accuracy)"]
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "◇ OBCE, published" in text and "58.47 % claimed" in text
    cell = next(line for line in lines(rows, ["mrpc"]) if line[0].startswith("P50"))[-1]
    told = next(row for row in rows if row.label == "P50").cells["mrpc"].spreads["validation", "f1"]
    assert cell.startswith(f"{percent(told.mean)} ± {percent(told.std)} (")
    assert r"50 \% \& <b>|x" in latex(rows, ["mrpc"]) and r"\toprule" in latex(rows, ["mrpc"])
    paper = latex(rows, ["mrpc"], published=True)
    assert r"$\diamond$ OBCE, published" in paper and paper.isascii()
    written = list(csv.DictReader(io.StringIO(table_csv(rows))))
    assert len(written) == sum(len(cell.spreads) for row in rows for cell in row.cells.values())
    one = next(row for row in written if row["label"] == "P50" and row["metric"] == "f1")
    assert float(one["mean"]) == told.mean and one["against"] == "original"


def test_a_row_whose_tasks_have_different_numbers_of_seeds_says_so_in_each_cell(made) -> None:
    put("c0", "original", "cola", 0, 0.1)
    put("c1", "P50", "cola", 0, 0.3, plan="p" * 64, parameters=60)
    put("c2", "P50", "cola", 1, 0.3, plan="p" * 64, parameters=60)
    rows = leaderboard_rows(list_evaluations(), resamples=10)
    whole, half, control, majority = lines(rows, ["cola", "mrpc"])
    assert (whole[2], half[2], control[2]) == ("1–3", "2–3", "3")
    assert whole[5].endswith("; 1 seed") and whole[6].endswith("; 3 seeds") and "seed" not in control[6] + majority[6]
    assert half[5].endswith(", 1 seed); 2 seeds")  # the original has one of its two
    assert [line[2] for line in lines(rows, ["mrpc"])] == ["3", "3", "3", ""]


def test_a_label_that_a_spreadsheet_would_run_is_quoted(made) -> None:
    put("f0", '=HYPERLINK("x")', "cola", 0, 0.1)
    assert "\"'=HYPERLINK" in table_csv(leaderboard_rows(list_evaluations(), resamples=5))


def test_published_rows_are_the_papers() -> None:
    names = [row.name for row in TABLE_4]
    assert names == ["Original", "AE-BERT", "ETbLSL", "LotteryTicketBert", "QBERT", "OBCE"]
    ours = TABLE_4[-1].scores
    assert (ours["cola"], ours["qqp"], ours["mnli"]) == ("62.96", "91.23", "83.6/81.6")
    assert float(ours["cola"]) - float(TABLE_4[0].scores["cola"]) == pytest.approx(10.86)
    assert TABLE_5["cola"] == "+1.28"
    assert all(set(row.scores) <= set(TASKS) for row in TABLE_4)


def test_a_submission_is_what_the_server_takes() -> None:
    one = put("t0", "original", "mnli", 0, 0.2, tests=True, examples=5)
    two = put("t1", "original", "stsb", 0, 0.9, tests=True, examples=5)
    packed = submission([one, two])
    assert packed == submission([one, two])
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["MNLI-m.tsv", "MNLI-mm.tsv", "STS-B.tsv"]
        rows = archive.read("MNLI-m.tsv").decode().splitlines()
        scores = [float(line.split("\t")[1]) for line in archive.read("STS-B.tsv").decode().splitlines()[1:]]
    assert rows[0] == "index\tprediction" and len(rows) == 6
    assert all(line.split("\t")[1] in TASKS["mnli"].words for line in rows[1:])
    assert all(0 <= value <= 5 for value in scores)
    with pytest.raises(BadInput, match="Two evaluations"):
        submission([one, one])
    with pytest.raises(BadInput, match="No test split"):
        submission([put("t2", "original", "rte", 0, 0.1)])


def test_answers_are_clipped_and_written_out() -> None:
    assert answer_text(5.7, TASKS["stsb"]) == "5.000" and answer_text(-0.2, TASKS["stsb"]) == "0.000"
    assert answer_text(1.0, TASKS["rte"]) == "not_entailment" and answer_text(1.0, TASKS["cola"]) == "1"


def test_evaluations_lie_where_they_should(made, cache: Path) -> None:
    assert {path.name for path in (cache / "evaluations").iterdir()} >= {"o0", "p1", "m0"}
