"""Results: one recipe at a time, a click on a task or a row, changed examples as text, downloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made import make_board, make_evaluation
from pages_app import faults, open_page, words

from obce_core.glue.examples import read_examples
from obce_core.glue.recipe import recipe_of
from obce_core.glue.recipe_groups import by_recipe, recipe_key
from pages._shared import cached_results

EVIL = "<img src=x onerror=alert(1)>[link](javascript:1)"


@pytest.fixture
def loaded(cache: Path) -> Path:
    make_board(cache / "evaluations")
    make_evaluation(cache / "evaluations", recipe=recipe_of("smoke"))
    return cache


def test_the_sentence_and_the_figures_speak_of_the_chosen_task(loaded: Path) -> None:
    app = open_page("results", task="mrpc")
    assert not app.exception and not faults(app)
    shown = words(app)
    assert "On MRPC the best cut relative to its original is <b>P30 by r_f</b>" in shown
    assert (
        "MRPC against size" in shown and "MRPC, differences" in shown and "MRPC, examples whose answer changed" in shown
    )
    assert "On CoLA" in words(open_page("results", task="cola"))
    labels = [button.label for button in app.get("download_button")]
    assert labels[:4] == ["CSV", "LaTeX", "Markdown", "Report, one HTML file"]


def test_tiers_are_never_mixed(loaded: Path) -> None:
    app = open_page("results")
    assert "3 epochs on at most 2,000" in words(app)
    other = open_page("results", recipe=recipe_key(recipe_of("smoke")))
    assert "20 steps, or 40 epochs where those are fewer" in words(
        other
    ) and "no cut can be compared with its original" in words(other)


def test_changed_examples_show_their_sentences_only_with_the_same_data(
    loaded: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    app = open_page("results", task="cola")
    assert "Their sentences are not available" in words(app)
    assert any("example" in frame.value.columns and "sentence 1" not in frame.value.columns for frame in app.dataframe)
    glue = tmp_path / "glue"
    (glue / "CoLA").mkdir(parents=True)
    (glue / "CoLA" / "dev.tsv").write_text("".join(f"s\t{at % 2}\t\t{EVIL} {at}\n" for at in range(40)))
    monkeypatch.setenv("OBCE_GLUE_DIR", str(glue))
    found = read_examples("cola", "validation")
    for at, (label, plan, wrong) in enumerate((("original", None, 0.1), ("P50 by r_f", "c" * 64, 0.5))):
        make_evaluation(
            loaded / "evaluations",
            label=label,
            plan=plan,
            wrong=wrong,
            labels=found.labels,
            split_digest=found.digest,
            recipe=recipe_of("paper"),
            asked=float(at),
        )
    app = open_page("results", task="cola", recipe=recipe_key(recipe_of("paper")))
    assert not app.exception and not faults(app)
    table = next(frame.value for frame in app.dataframe if "sentence 1" in frame.value.columns)
    assert EVIL in table["sentence 1"].iloc[0]  # in a table, where text is text
    assert "<img" not in words(app)


def test_the_best_cut_is_not_called_the_nearest(cache: Path) -> None:
    for label, plan, wrong in (("original", None, 0.3), ("near", "b" * 64, 0.31), ("far above", "c" * 64, 0.02)):
        make_evaluation(cache / "evaluations", label=label, plan=plan, wrong=wrong)
    shown = words(open_page("results"))
    assert "the best cut relative to its original is <b>far above</b>: <b>+" in shown and "nearest" not in shown


def test_a_task_that_was_not_learned_is_named_before_its_differences(cache: Path) -> None:
    for label, plan in (("original", None), ("P50 by r_f", "c" * 64)):
        make_evaluation(cache / "evaluations", label=label, plan=plan, wrong=0.5)
    shown = words(open_page("results", task="cola"))
    assert (
        "On CoLA <b>original</b> is <b>not learned</b>" in shown
        and "the best cut relative to its original" not in shown
    )
    assert "dashed: the majority class" in shown and "learning rate 2e-04, by the model&#x27;s width (24)" in shown


def test_what_counts_as_right_is_said_of_scores(cache: Path) -> None:
    for label, plan in (("original", None), ("P50 by r_f", "c" * 64)):
        make_evaluation(cache / "evaluations", "stsb", label=label, plan=plan)
    assert "A score counts as right within 0.5 of the label" in words(open_page("results", task="stsb"))


def test_a_replaced_evaluation_shows_its_new_scores(cache: Path) -> None:
    import os
    import shutil

    old = make_evaluation(cache / "evaluations", wrong=0.0)
    app = open_page("results")
    assert old.score == 1.0
    new = make_evaluation(cache / "elsewhere", wrong=0.5)
    shutil.rmtree(old.folder)
    new.folder.rename(old.folder)
    os.utime(old.folder / "MANIFEST.json")
    ids = cached_results.stamped(cached_results.evaluations())
    assert (
        cached_results.leaderboard(ids, str(cache / "evaluations"))[0].cells["cola"].evaluations[0].score
        == new.score
        < 1.0
    )
    app.run()
    assert not app.exception


def test_a_row_named_by_strangers_stays_text(cache: Path) -> None:
    make_evaluation(cache / "evaluations", label=EVIL, model_name=EVIL)
    make_evaluation(cache / "evaluations", label=EVIL + "2", plan="c" * 64, model_name=EVIL, wrong=0.4)
    app = open_page("results")
    assert not app.exception and not faults(app) and "<img" not in words(app)


def test_test_predictions_are_offered_as_submissions(cache: Path) -> None:
    made = make_evaluation(cache / "evaluations")
    assert not [button for button in open_page("results").get("download_button") if "submission" in button.label]
    unit = json.loads((made.folder / "unit.json").read_text())
    (made.folder / "unit.json").write_text(json.dumps(unit | {"splits": unit["splits"] | {"test": "d" * 64}}))
    app = open_page("results")
    assert [button.label for button in app.get("download_button") if "submission" in button.label] == [
        "submission.zip, seed 0"
    ]


def test_a_damaged_evaluation_is_left_out(loaded: Path) -> None:
    from obce_core.glue.evaluation import list_evaluations

    before = len(by_recipe(list_evaluations())[0].evaluations)
    victim = by_recipe(list_evaluations())[0].evaluations[0].folder
    (victim / "result.json").write_text("{")
    app = open_page("results")
    assert not app.exception and not faults(app)
    assert before - 1 == len(by_recipe(list_evaluations())[0].evaluations)
