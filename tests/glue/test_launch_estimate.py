"""What a launch is made of: choices to a sweep's file, the bill with its measured time, recipes apart, tasks that are
there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from made import make_board, make_evaluation

from obce_core.glue.availability import find_tasks
from obce_core.glue.changed_examples import changed_rows
from obce_core.glue.estimate import estimate_launch, lay_out, lay_out_unread
from obce_core.glue.examples import Examples
from obce_core.glue.leaderboard import changes, front, leaderboard_rows
from obce_core.glue.leaderboard_join import join
from obce_core.glue.published import TABLE_4, gap
from obce_core.glue.recipe import Recipe, recipe_of, title, words
from obce_core.glue.recipe_groups import by_recipe, recipe_key
from obce_core.glue.sweep import read_sweep
from obce_core.glue.sweep_file import Choices, sweep_command, sweep_document, sweep_file
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import Unit, Variant, prepare
from obce_core.models.check import check_model
from obce_core.models.identity import identity_of


def write_task(folder: Path, task: str = "cola", *, train: int = 40, validation: int = 12) -> Path:
    """Write a task's train and dev files, made up, as the official ones are laid out."""
    rng = np.random.default_rng(0)
    home = folder / TASKS[task].folder
    home.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("dev", validation)):
        lines = [f"s\t{rng.integers(0, 2)}\t\tbad cake {number} face" for number in range(count)]
        (home / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_choices_become_a_sweep_that_reads_back_as_the_same_units(
    tiny_analysis: Any, cache: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(tiny_analysis.folder, cache / "analyses" / tiny_analysis.id)
    from obce_core.plan import make_plan, write_plan

    write_plan(make_plan(tiny_analysis, percentile=40), tmp_path / "mine.json")
    model = str(tiny_analysis.meta["model"]["spec"])
    chosen = Choices(
        model=model,
        analysis=tiny_analysis.id,
        tasks=("cola",),
        seeds=(0, 3),
        tier="smoke",
        percentiles=(50.0,),
        plans={"my plan": str(tmp_path / "mine.json")},
        controls=("random", "std"),
        draws=2,
        orders=("cut-first", "finetune-first"),
        recipe={"steps": 20, "epochs": 2},
        models={"again": model},
    )
    document = sweep_document(chosen)
    assert document["recipe"] == {"epochs": 2}  # 20 steps are the tier's own
    (tmp_path / "sweep.yaml").write_text(sweep_file(document))
    assert yaml.safe_load((tmp_path / "sweep.yaml").read_text()) == document
    sweep = read_sweep(tmp_path / "sweep.yaml")
    # the original, (1 + 3 controls) of two cuts in two orders, a built model
    assert [variant.label for variant in sweep.variants][:2] == ["original", "P50 by r_f"]
    assert len(sweep.variants) == 1 + 4 * 2 * 2 + 1
    assert sum(variant.order == "finetune-first" for variant in sweep.variants) == 8
    assert sweep.recipe == recipe_of("smoke", epochs=2) and sweep.seeds == (0, 3)


def test_no_limit_is_said_and_is_not_the_tiers_own(tmp_path: Path) -> None:
    plain = {"model": "demo", "analysis": "", "tasks": ("cola",), "seeds": (0,)}
    document = sweep_document(Choices(**plain, tier="quick", recipe={"examples": None, "steps": None, "epochs": 3}))
    assert document["recipe"] == {"examples": None}  # no limit of steps is the tier's own
    (tmp_path / "sweep.yaml").write_text(sweep_file(document))
    assert "examples: null" in sweep_file(document) and read_sweep(tmp_path / "sweep.yaml").recipe == Recipe(epochs=3)
    smoke = sweep_document(Choices(**plain, tier="smoke", recipe={"steps": None}))
    assert read_sweep(smoke).recipe == Recipe(examples=256)
    assert recipe_of("quick", examples=0) == recipe_of("quick", examples=None) == Recipe(epochs=3)
    assert "recipe" not in sweep_document(Choices(**plain, tier="quick", recipe=recipe_of("quick").plain()))
    assert title(recipe_of("quick", examples=None)) == "quick, but all examples"
    assert title(recipe_of("smoke", steps=None)) == "smoke, but no limit of steps"


def test_names_of_recipes_stay_what_they_were() -> None:
    tiers = [recipe_of(tier, learning_rate=2e-5) for tier in ("smoke", "quick", "paper")]  # what each tier was before
    assert [recipe_key(recipe) for recipe in tiers] == ["b1ff3dfe", "03128199", "cc37d274"]


def test_the_command_names_what_is_not_the_default() -> None:
    plain = {"glue_dir": None, "save_model": False, "launcher": "local", "remote": False, "address": None, "workers": 1}
    assert sweep_command(**plain) == "obce sweep sweep.yaml --launcher local"
    cluster = plain | {
        "launcher": "ray",
        "remote": True,
        "address": "http://h:1",
        "workers": 4,
        "glue_dir": "/a b",
        "gpus": 1.0,
    }
    assert sweep_command(**cluster) == (
        "obce sweep sweep.yaml --glue-dir '/a b' --launcher ray --address http://h:1 --cpus 1 --gpus 1 --workers 4"
    )


def test_a_bill_takes_its_time_from_measured_steps_alone(tiny_folder: Path, tmp_path: Path, cache: Path) -> None:
    glue = write_task(tmp_path / "glue")
    units = [
        Unit(
            variant=Variant(label="original", model=str(tiny_folder)), task="cola", seed=seed, recipe=recipe_of("quick")
        )
        for seed in (0, 1)
    ]
    lines, wrong = lay_out(units, glue_dir=glue)
    assert wrong == [] and [line.steps for line in lines] == [6, 6] and [line.examples for line in lines] == [120, 120]
    assert [line.looks for line in lines] == [3, 3]
    assert estimate_launch(lines, set(), []).seconds is None and estimate_launch(lines, set(), []).unmeasured == (
        "cola",
    )
    # 2,000 examples an epoch, 3 epochs at 40 a second are 150 s; the other 10 s are three looks
    other = make_evaluation(cache / "evaluations", rate=40.0, seconds=160.0)
    assert estimate_launch(lines, set(), [other]).seconds is None  # of another model
    known = make_evaluation(cache / "evaluations", label="P50", rate=40.0, seconds=160.0)
    known.unit["model"] = lines[0].weights
    told = estimate_launch(lines, {lines[0].id}, [known])
    assert (told.evaluations, told.done, told.steps_left) == (2, 1, 6)
    assert told.seconds == pytest.approx(120 / 40 + 10) and told.measured == {"cola": 40.0}
    assert estimate_launch(lines, set(), [known], workers=2).seconds == pytest.approx(120 / 40 + 10)
    assert estimate_launch(lines, set(), [known], device="cuda").seconds is None
    assert estimate_launch(lines, {line.id for line in lines}, []).seconds == 0.0


def test_a_missing_file_is_said_once_and_stops_nothing_else(tiny_folder: Path, tmp_path: Path) -> None:
    glue = write_task(tmp_path / "glue")
    whole = Variant(label="original", model=str(tiny_folder))
    units = [Unit(variant=whole, task=task, seed=seed, recipe=Recipe()) for task in ("cola", "rte") for seed in (0, 1)]
    lines, wrong = lay_out(units, glue_dir=glue)
    assert len(lines) == 2 and len(wrong) == 1 and "RTE/train.tsv" in wrong[0]


def test_what_was_read_once_is_kept_and_the_id_is_the_same(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glue, kept = write_task(tmp_path / "glue"), {}
    unit = Unit(
        variant=Variant(label="original", model=str(tiny_folder)), task="cola", seed=0, recipe=Recipe(examples=8)
    )
    first = prepare(unit, glue_dir=glue, cache=kept).id
    monkeypatch.setattr("obce_core.glue.unit.check_model", lambda *_: pytest.fail("read again"))
    assert prepare(unit, glue_dir=glue, cache=kept, read=lambda *_, **__: pytest.fail("read again")).id == first


def test_without_the_data_what_is_there_is_known_by_what_was_asked(tiny_folder: Path, cache: Path) -> None:
    whole = Variant(label="original", model=str(tiny_folder))
    units = [Unit(variant=whole, task="cola", seed=seed, recipe=recipe_of("quick")) for seed in (0, 1)]
    lines, _ = lay_out_unread(units, [])
    assert lines[0].steps == 189 and len({line.id for line in lines}) == 2
    known = make_evaluation(cache / "evaluations")
    known.unit["model"] = lines[0].weights
    known.unit["identity"] = identity_of(check_model(tiny_folder)).plain()
    again, _ = lay_out_unread(units, [known])
    assert [line.id == known.id for line in again] == [True, False]


def test_without_the_data_an_evaluation_without_test_predictions_is_not_one_with_them(
    tiny_folder: Path, cache: Path
) -> None:
    whole = Variant(label="original", model=str(tiny_folder))
    plain, tests = (
        Unit(variant=whole, task="cola", seed=0, recipe=recipe_of("quick"), tests=tests) for tests in (False, True)
    )
    known = make_evaluation(cache / "evaluations")
    known.unit["model"] = lay_out_unread([plain], [])[0][0].weights
    known.unit["identity"] = identity_of(check_model(tiny_folder)).plain()
    assert [line.id == known.id for line in lay_out_unread([plain, tests], [known])[0]] == [True, False]
    known.unit["splits"]["test"] = "d" * 64
    assert [line.id == known.id for line in lay_out_unread([plain, tests], [known])[0]] == [False, True]


def test_recipes_stand_apart_and_are_named_by_what_they_change(cache: Path) -> None:
    home = cache / "evaluations"
    made = [
        make_evaluation(home, recipe=recipe)
        for recipe in (recipe_of("smoke"), recipe_of("paper"), recipe_of("quick", epochs=1))
    ]
    groups = by_recipe(made)
    assert [group.title for group in groups] == ["paper", "quick, but epochs 1", "smoke"]
    assert len({group.key for group in groups}) == 3
    assert (
        "optimistic" in words(Recipe(keep="best"))
        and title(Recipe(learning_rate=3e-5)) == "paper, but learning rate 3e-05"
    )


def test_tasks_that_lack_a_file_are_named(tmp_path: Path) -> None:
    found = {one.task.name: one for one in find_tasks(write_task(tmp_path))}
    assert found["cola"].ready and not found["cola"].tests
    assert found["mnli"].missing == ("MNLI/train.tsv", "MNLI/dev_matched.tsv", "MNLI/dev_mismatched.tsv")
    assert all(one.ready for one in find_tasks(None))


def test_boards_of_single_tasks_join_to_the_board_of_all(cache: Path) -> None:
    made = make_board(cache / "evaluations")
    whole = leaderboard_rows(made, resamples=50)
    joined = join(
        leaderboard_rows([one for one in made if one.task.name == name], resamples=50) for name in ("mrpc", "cola")
    )
    assert [row.key for row in joined] == [row.key for row in whole]
    for one, other in zip(joined, whole, strict=True):
        assert {name: cell.spreads for name, cell in one.cells.items()} == {
            name: cell.spreads for name, cell in other.cells.items()
        }
        assert {name: cell.differences for name, cell in one.cells.items()} == {
            name: cell.differences for name, cell in other.cells.items()
        }
        assert (one.parameters, one.label, one.share) == (other.parameters, other.label, other.share)
    assert front(joined, "cola") == front(whole, "cola")


def test_joined_boards_have_the_order_of_one_whoever_was_asked_first(cache: Path) -> None:
    home, names = cache / "evaluations", ("P50, random 0 of the same shape", "P30", "P50", "original")
    sizes = (60, 80, 60, 100)
    made = [
        make_evaluation(
            home,
            label=label,
            plan=None if label == "original" else label[:3] * 9 + str(at),
            parameters=size,
            asked=float(at),
        )
        for at, (label, size) in enumerate(zip(names, sizes, strict=True))
    ]
    labels = ["original", "P30", "P50", "P50, random 0 of the same shape"]
    assert (
        [row.label for row in join([leaderboard_rows(made, resamples=10)])]
        == [row.label for row in leaderboard_rows(made, resamples=10)]
        == labels
    )


def test_changed_examples_are_listed_with_their_sentences(cache: Path) -> None:
    rows = {row.label: row for row in leaderboard_rows(make_board(cache / "evaluations", ("cola",)), resamples=20)}
    mine, other = rows["P50 by r_f"].cells["cola"], rows["original"].cells["cola"]
    found = changes(mine, other.evaluations, "validation")
    texts = tuple((f"sentence {at}",) for at in range(200))
    examples = Examples(task="cola", split="validation", sentences=texts, labels=found["label"], source="test")
    listed = changed_rows(found, "lost", TASKS["cola"], examples)
    assert len(listed) == int((found["lost"] > 0).sum()) > 0
    for row in listed:
        assert row["sentence 1"] == f"sentence {row['example']}" and row["right"] == str(
            int(found["label"][row["example"]])
        )
        assert row["right"] in row["before"].split(" / ") and row["now"] != row["before"]
    counts = [int(row["seeds"].split(" of ")[0]) for row in listed]
    assert counts == sorted(counts, reverse=True) and "sentence 1" not in changed_rows(found, "lost", TASKS["cola"])[0]


def test_a_published_difference_carries_a_dagger_unless_both_sides_are_stated_alike() -> None:
    by_name = {row.name: row for row in TABLE_4}
    assert gap(by_name["Original"], "cola") == ""
    assert gap(by_name["OBCE"], "qqp") == "†"  # an accuracy against an F1: the number would mean nothing
    assert gap(by_name["OBCE"], "mnli") == "−1.0/−1.8†"
    assert gap(by_name["AE-BERT"], "cola") == ""
    assert all("†" in gap(row, task) for row in TABLE_4[1:] for task in row.scores)
