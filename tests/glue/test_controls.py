"""Controls: found by the plan that they are of, whatever anybody called it, and their ids are those of the cuts
themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from made import make_board, make_evaluation

from obce_core.glue.controls import Control, find_control, is_control, is_control_of, read_control, short_label
from obce_core.glue.leaderboard import leaderboard_rows
from obce_core.glue.recipe import Recipe
from obce_core.glue.sweep import variants_of
from obce_core.glue.unit import Unit, prepare, read_unit
from obce_core.plan.create import make_plan

OF = {"plan": "c" * 64, "criterion": "random", "draw": 1}


def test_a_control_is_found_though_its_plan_has_another_label(cache: Path) -> None:
    home = cache / "evaluations"
    make_evaluation(home, label="original")
    mine = make_evaluation(home, label="my own name", plan="c" * 64)
    control = make_evaluation(
        home, label="P50 by r_f, random 1 of the same shape", plan="d" * 64, told={"control_of": OF}
    )
    other = make_evaluation(home, label="P50 by r_f", plan="e" * 64)
    rows = {row.label: row for row in leaderboard_rows([mine, control, other], resamples=10)}
    row, parent = rows[control.label], rows["my own name"]
    assert (
        read_control(row) == Control(plan="c" * 64, criterion="random", draw=1)
        and is_control(row)
        and not is_control(parent)
    )
    assert is_control_of(row, parent) and not is_control_of(row, rows["P50 by r_f"]) and not is_control_of(parent, row)
    assert (
        short_label(row, list(rows.values())) == "random 1 of the same shape"
        and short_label(parent, list(rows.values())) == parent.label
    )


def test_older_evaluations_are_told_by_their_label(cache: Path) -> None:
    rows = {row.label: row for row in leaderboard_rows(make_board(cache / "evaluations"), resamples=10)}
    row = rows["P50 by r_f, random 0 of the same shape"]
    assert (
        read_control(row) is None
        and is_control_of(row, rows["P50 by r_f"])
        and not is_control_of(row, rows["P30 by r_f"])
    )
    assert short_label(row, list(rows.values())) == "random 0 of the same shape"
    assert find_control(row, list(rows.values())) == Control(plan="c" * 64, criterion="random", draw=0)
    assert find_control(row, [row]) is None and find_control(rows["P50 by r_f"], list(rows.values())) is None


def test_a_cut_after_the_training_has_the_controls_of_its_own_intent(cache: Path) -> None:
    def after(label: str, prune_spec: str, **more: Any) -> Any:
        told = {"order": "finetune-first", "intent": prune_spec, **more}
        return make_evaluation(cache / "evaluations", label=label, plan="c" * 64, told=told)

    made = [after("by r_f", "1"), after("by hand", "2"), after("else", "2", control=["std", 0])]
    rows = {row.label: row for row in leaderboard_rows(made, resamples=10)}
    assert is_control_of(rows["else"], rows["by hand"]) and not is_control_of(rows["else"], rows["by r_f"])
    assert short_label(rows["else"], list(rows.values())) == "std of the same shape"


def test_what_a_control_is_of_is_written_and_decides_no_id(analysis: Any, folder: Path, glue: Path) -> None:
    plan = make_plan(analysis, percentile=50, first_layer=2)
    for order in ("cut-first", "finetune-first"):
        whole, control = variants_of("half", str(folder), analysis, plan, controls=("random",), order=order)
        assert whole.control_of is None and control.control_of == {
            "plan": plan.digest,
            "criterion": "random",
            "draw": 0,
        }
        unit = read_unit(Unit(variant=control, task="mrpc", seed=0, recipe=Recipe(epochs=1)).plain())
        one = prepare(unit, glue_dir=glue)
        assert one.document["control_of"] == control.control_of
        bare = prepare(replace(unit, variant=replace(control, control_of=None)), glue_dir=glue)
        assert "control_of" not in bare.document and bare.id == one.id
