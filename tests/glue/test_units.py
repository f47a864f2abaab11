"""Units of evaluation: named by what decides them, made once, gone on with after a stop."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from conftest import SMALL

from obce_core.compression.build import compress
from obce_core.errors import BadInput, Cancelled, ObceError, UnknownName
from obce_core.glue.estimate import lay_out, lay_out_unread
from obce_core.glue.evaluation import evaluations_home, list_evaluations, read_evaluation
from obce_core.glue.execute import perform
from obce_core.glue.execute_many import perform_all
from obce_core.glue.execution import Execution
from obce_core.glue.job import CURVE, evaluate_units, job_options, memory_of, plain_units, read_curve, written
from obce_core.glue.unit import Unit, Variant, prepare, read_unit
from obce_core.glue.workspace import Taken, only_one
from obce_core.jobs.attempts import Attempt, batch_size, next_try
from obce_core.jobs.registry import create_run
from obce_core.plan.create import make_plan
from obce_core.plan.matched_control import same_shape
from obce_core.plan.plan_file import to_document
from obce_core.progress import Context
from obce_core.storage.staging import manifest_faults


def unit(folder: Path, **changes) -> Unit:
    return replace(
        Unit(variant=Variant(label="original", model=str(folder)), task="mrpc", seed=0, recipe=SMALL), **changes
    )


def test_the_id_is_of_all_that_decides_and_of_nothing_else(folder: Path, glue: Path, analysis) -> None:
    plan = to_document(make_plan(analysis, percentile=50, first_layer=2))
    same = [unit(folder), unit(folder, variant=Variant(label="another name", model=str(folder)))]
    assert len({prepare(one, glue_dir=glue).id for one in same}) == 1
    others = [
        unit(folder),
        unit(folder, seed=1),
        unit(folder, task="cola"),
        unit(folder, recipe=replace(SMALL, epochs=2)),
        unit(folder, recipe=replace(SMALL, examples=20)),
        unit(folder, tests=True),
        unit(folder, variant=Variant(label="cut", model=str(folder), plan=plan)),
        unit(folder, variant=Variant(label="cut", model=str(folder), plan=plan, order="finetune-first")),
    ]
    assert len({prepare(one, glue_dir=glue).id for one in others}) == len(others)


def test_an_evaluation_is_whole_and_read_back(folder: Path, glue: Path) -> None:
    made = perform(prepare(unit(folder, tests=True), glue_dir=glue), Execution(device="cpu"), save_model=True)
    assert manifest_faults(made.folder) == []
    assert made.scores["validation"].keys() == {"f1", "accuracy"}
    assert set(made.scores) == {"validation"}  # a test split has no labels, so no score
    told = made.predictions("validation")
    assert told["logits"].shape == (24, 2)
    assert np.array_equal(told["logits"].argmax(axis=1), told["prediction"])
    assert made.score == pytest.approx(made.scores["validation"]["f1"])
    assert np.isnan(made.predictions("test")["label"]).all()
    assert made.result["examples"] == {"train": 48, "validation": 24, "test": 24}
    assert any("official" in note for note in made.result["notes"])
    assert [one.id for one in list_evaluations()] == [made.id]
    from obce_core.compression.checkpoint import load

    model, _ = load(made.folder / "model")
    assert model.config.id2label == {0: "0", 1: "1"}
    with pytest.raises(BadInput, match="no predictions"):
        made.predictions("train")


def test_what_is_there_is_not_made_again(folder: Path, glue: Path) -> None:
    ready = prepare(unit(folder), glue_dir=glue)
    first = perform(ready, Execution(device="cpu"))
    stamp = (first.folder / "result.json").stat().st_mtime_ns
    calls: list[int] = []
    again = perform(ready, Execution(device="cpu", progress=lambda done, total: calls.append(done)))
    assert (again.folder / "result.json").stat().st_mtime_ns == stamp and calls == []


def test_a_stopped_unit_goes_on_and_ends_with_the_same_predictions(
    folder: Path, glue: Path, tmp_path: Path, monkeypatch
) -> None:
    recipe = replace(SMALL, epochs=4)
    whole = perform(prepare(unit(folder, recipe=recipe), glue_dir=glue), Execution(device="cpu"))
    expected = whole.predictions("validation")["logits"]
    monkeypatch.setenv("OBCE_CACHE", str(tmp_path / "second"))
    ready, done = prepare(unit(folder, recipe=recipe), glue_dir=glue), [0]
    with pytest.raises(Cancelled):
        perform(
            ready,
            Execution(device="cpu", progress=lambda at, total: done.__setitem__(0, at), cancelled=lambda: done[0] >= 7),
        )
    assert list_evaluations() == []
    found = perform(ready, Execution(device="cpu"))
    assert found.result["resumed"] == 7
    assert np.array_equal(found.predictions("validation")["logits"], expected)
    assert not (evaluations_home() / ".work" / ready.id).exists()


def test_a_cut_model_and_its_control_store_the_same_shapes(folder: Path, glue: Path, analysis) -> None:
    plan = make_plan(analysis, percentile=50, first_layer=2)
    control = same_shape(analysis, plan, "random", seed=0)
    made = [
        perform(
            prepare(unit(folder, variant=Variant(label=name, model=str(folder), plan=to_document(one))), glue_dir=glue),
            Execution(device="cpu"),
            save_model=True,
        )
        for name, one in (("plan", plan), ("control", control))
    ]
    from safetensors import safe_open

    shapes = []
    for one in made:
        with safe_open(str(one.folder / "model" / "model.safetensors"), framework="numpy") as file:
            shapes.append({name: tuple(file.get_slice(name).get_shape()) for name in file.keys()})  # noqa: SIM118
    assert shapes[0] == shapes[1]
    assert (
        made[0].result["parameters"]
        == made[1].result["parameters"]
        < perform(prepare(unit(folder), glue_dir=glue), Execution(device="cpu")).result["parameters"]
    )
    assert made[0].result["encoder"] < made[0].result["original_encoder"]


def test_cutting_after_fine_tuning_uses_the_fine_tuned_model(folder: Path, glue: Path, analysis) -> None:
    plan = to_document(make_plan(analysis, percentile=50, first_layer=2))
    variant = Variant(label="after", model=str(folder), plan=plan, order="finetune-first")
    made = perform(prepare(unit(folder, variant=variant), glue_dir=glue), Execution(device="cpu"))
    assert "fine-tuned model's own importance" in made.result["notes"][0]
    originals = [one for one in list_evaluations() if one.unit["plan"] is None]
    assert len(originals) == 1 and (originals[0].folder / "model").is_dir()
    assert made.curve == originals[0].curve
    control = replace(variant, label="control", control="random", draw=1)
    other = perform(prepare(unit(folder, variant=control), glue_dir=glue), Execution(device="cpu"))
    assert other.result["parameters"] == made.result["parameters"]  # of the shape that the plan has after the training
    assert other.id != made.id and other.result["weights_sha256"] != made.result["weights_sha256"]
    with pytest.raises(BadInput, match="plan of its own"):
        Variant(label="x", model="demo", plan=plan, control="random")
    assert not np.array_equal(
        made.predictions("validation")["logits"], originals[0].predictions("validation")["logits"]
    )


def test_a_compressed_folder_is_evaluated_as_it_lies(folder: Path, glue: Path, analysis, tmp_path: Path) -> None:
    from obce_core.compression.build import compress

    plan = make_plan(analysis, percentile=50, first_layer=2)
    compress(analysis, plan, tmp_path / "cut")
    from_folder = perform(prepare(unit(tmp_path / "cut"), glue_dir=glue), Execution(device="cpu"))
    variant = Variant(label="plan", model=str(folder), plan=to_document(plan))
    from_plan = perform(prepare(unit(folder, variant=variant), glue_dir=glue), Execution(device="cpu"))
    assert np.allclose(
        from_folder.predictions("validation")["logits"], from_plan.predictions("validation")["logits"], atol=1e-5
    )


def test_what_does_not_fit_is_refused_before_anything_long(folder: Path, glue: Path, analysis, tmp_path: Path) -> None:
    plan = to_document(make_plan(analysis, percentile=50, first_layer=2))
    other = tiny.save_tiny(tmp_path / "other", seed=9)
    with pytest.raises(BadInput, match="is for the weights"):
        prepare(unit(other, variant=Variant(label="x", model=str(other), plan=plan)), glue_dir=glue)
    with pytest.raises(ObceError, match="no RTE"):
        prepare(unit(folder, task="rte"), glue_dir=glue)
    with pytest.raises(UnknownName):
        Variant(label="x", model="demo", plan=plan, order="sideways")
    with pytest.raises(BadInput, match="needs a plan"):
        Variant(label="x", model="demo", order="finetune-first")
    with pytest.raises(BadInput, match="not a unit of evaluation"):
        read_unit({"task": "mrpc"})
    assert read_unit(json.loads(json.dumps(unit(folder).plain()))) == unit(folder)


def test_a_list_goes_on_after_one_that_fails(folder: Path, glue: Path) -> None:
    units = [unit(folder), unit(folder, task="rte"), unit(folder, seed=1)]
    told: list[tuple[int, int]] = []
    made, failed = perform_all(
        units, Execution(device="cpu", progress=lambda done, total: told.append((done, total))), glue_dir=glue
    )
    assert [one.seed for one in made] == [0, 1]
    assert len(failed) == 1 and failed[0].startswith("original, rte, seed 0: ")
    assert told[-1] == (6, 6) and told == sorted(told)


def test_what_another_process_is_at_is_left_to_it_and_its_result_taken(folder: Path, glue: Path) -> None:
    units = [unit(folder, seed=seed) for seed in (0, 1, 2)]
    first = prepare(units[0], glue_dir=glue)
    told: list[int] = []
    with ExitStack() as other:
        other.enter_context(only_one(first.id, lambda: False, wait=False))
        with pytest.raises(Taken):
            perform(first, Execution(device="cpu"), wait=False)

        def listen(row) -> None:
            told.append(row["seed"])
            if row["seed"] == 2:
                other.close()  # lets it go without a result: whoever is there goes on with it

        made, failed = perform_all(units, Execution(device="cpu", listener=listen), glue_dir=glue)
    assert [one.seed for one in made] == [0, 1, 2] and failed == []
    assert list(dict.fromkeys(told)) == [1, 2, 0]


def test_two_processes_share_a_list(folder: Path, glue: Path) -> None:
    units = [unit(folder, seed=seed) for seed in range(4)]
    code = """
import json, sys
from pathlib import Path
from obce_core.glue.job import evaluate_units
from obce_core.progress import Context

options = json.load(sys.stdin)
context = Context(progress=lambda *_: None, cancelled=lambda: False, folder=Path(options.pop("folder")))
print(json.dumps(evaluate_units(context=context, **options)))
"""
    homes = [folder.parent / f"sharing-{number}" for number in range(2)]
    jobs = []
    for home in homes:
        home.mkdir()
        options = {"units": plain_units(units), "folder": str(home), "glue_dir": str(glue), "device": "cpu"}
        (home / "options.json").write_text(json.dumps(options))
        with (home / "options.json").open() as given:
            jobs.append(subprocess.Popen([sys.executable, "-c", code], stdin=given, stdout=subprocess.PIPE, text=True))
    results = [json.loads(job.communicate()[0].splitlines()[-1]) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0]
    assert results[0]["evaluations"] == results[1]["evaluations"] and len(set(results[0]["evaluations"])) == 4
    heard = [{row["seed"] for row in read_curve(home)} for home in homes]
    assert heard[0] | heard[1] == {0, 1, 2, 3} and not heard[0] & heard[1]


def job_context(folder: Path) -> Context:
    return Context(progress=lambda done, total, what: None, cancelled=lambda: False, folder=folder)


def test_the_curve_of_a_job_is_read_while_it_grows(folder: Path, glue: Path, tmp_path: Path) -> None:
    units = plain_units([unit(folder), unit(folder, seed=1)])
    done = evaluate_units(units, job_context(tmp_path), glue_dir=str(glue), device="cpu")
    rows = read_curve(tmp_path)
    assert {row["unit"] for row in rows} == set(done["evaluations"])
    with (tmp_path / CURVE).open("a") as stream:
        stream.write(json.dumps({**rows[0], "loss": 1.5}) + "\n" + '{"unit": "torn')
    again = read_curve(tmp_path)
    assert len(again) == len(rows) or "loss" not in rows[0]
    assert written(tmp_path) == done["evaluations"]
    with pytest.raises(BadInput, match="RTE"):
        evaluate_units(plain_units([unit(folder, task="rte")]), job_context(tmp_path), glue_dir=str(glue), device="cpu")


def test_an_original_is_trained_once_for_all_that_is_cut_from_it(folder: Path, glue: Path, analysis) -> None:
    plan = to_document(make_plan(analysis, percentile=50, first_layer=2))
    after = Variant(label="after", model=str(folder), plan=plan, order="finetune-first")
    units = [
        unit(folder),
        unit(folder, variant=after),
        unit(folder, variant=replace(after, label="control", control="random")),
    ]
    lines, _ = lay_out(units, glue_dir=glue)
    assert [line.steps for line in lines] == [3, 0, 0]
    told: list[tuple[int, int]] = []
    made, _ = perform_all(
        units, Execution(device="cpu", progress=lambda done, total: told.append((done, total))), glue_dir=glue
    )
    assert (made[0].folder / "model").is_dir() and not (made[1].folder / "model").exists()
    assert [done for done, _ in told] == sorted(done for done, _ in told) and set(told) == {(at, 3) for at in range(4)}
    lines, _ = lay_out([unit(folder, variant=after, seed=1), *units[1:]], glue_dir=glue)
    assert [line.steps for line in lines] == [3, 0, 0]  # of seed 1 nothing was trained yet
    unread, _ = lay_out_unread(units, [])
    assert [line.steps > 0 for line in unread] == [
        True,
        False,
        False,
    ]  # by the official counts, where the data is not read


def test_a_cut_folder_says_what_it_was_cut_from(folder: Path, glue: Path, analysis, tmp_path: Path) -> None:
    plan = make_plan(analysis, percentile=50, first_layer=2)
    cut = compress(analysis, plan, tmp_path / "cut", device="cpu")
    made = perform(
        prepare(unit(folder, variant=Variant(label="cut", model=str(cut.folder))), glue_dir=glue),
        Execution(device="cpu"),
    )
    whole = perform(prepare(unit(folder), glue_dir=glue), Execution(device="cpu"))
    assert made.unit["origin"]["model"] == whole.unit["model"] and made.unit["origin"]["plan"] == plan.digest
    assert made.result["original_encoder"] == whole.result["encoder"] == whole.result["original_encoder"]


def test_a_job_of_evaluations_has_a_batch_to_halve(folder: Path, glue: Path) -> None:
    units = [unit(folder), unit(folder, recipe=replace(SMALL, batch_size=64, accumulation=2))]
    options = job_options(units, glue_dir=str(glue))
    assert [batch_size(options, halvings) for halvings in range(3)] == [32, 16, 8]
    run, _ = create_run("evaluate", options)
    again = next_try(Attempt(run, 1), "out of memory")
    assert again is not None and again.number == 2 and run.stored().halvings == 1
    assert [unit.recipe.in_parts(16).accumulation for unit in units] == [1, 4]


def test_memory_grows_with_the_batch(folder: Path) -> None:
    small = memory_of(plain_units([unit(folder)]))
    large = memory_of(plain_units([unit(folder, recipe=replace(SMALL, batch_size=512))]))
    assert small is not None and large is not None and large > small
    assert memory_of([{"variant": {"model": "/nowhere"}}]) is None


def test_damaged_evaluations_are_left_out_and_named(folder: Path, glue: Path) -> None:
    made = perform(prepare(unit(folder), glue_dir=glue), Execution(device="cpu"))
    (made.folder / "result.json").write_text("{")
    assert list_evaluations() == []
    with pytest.raises(BadInput, match="does not hold an evaluation"):
        read_evaluation(made.id)
    with pytest.raises(BadInput):
        read_evaluation("../../etc")
