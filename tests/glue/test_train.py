"""Fine-tuning: exact resumes, honest orders, models that stay what they store."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import gluefolder
import numpy as np
import pytest
import tiny
import torch

from obce_core.errors import BadInput, Cancelled, ModelError, NotFinite
from obce_core.glue.batches import ByLength
from obce_core.glue.classifier import classifier
from obce_core.glue.examples import read_examples
from obce_core.glue.recipe import Recipe, recipe_of, tier_name
from obce_core.glue.tasks import TASKS
from obce_core.glue.train import finetune
from obce_core.glue.trainer import Saving
from obce_core.glue.training_arguments import share_of_batch, training_arguments
from obce_core.models import check_model
from obce_core.models.tokenizer import load_tokenizer
from obce_core.storage.checkpoints import committed, newest

RECIPE = Recipe(epochs=3, batch_size=8, learning_rate=1e-3, max_length=32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    return check_model(tiny.save_tiny(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gluefolder.write_tasks(tmp_path_factory.mktemp("glue"), "mrpc", "stsb", "mnli", "cola")


def go(report, data: Path, task: str = "mrpc", recipe: Recipe = RECIPE, *, seed: int = 0, **options):
    built = classifier(report, TASKS[task], seed)
    parts = [read_examples(task, split, glue_dir=data) for split in ("train", *TASKS[task].validation)]
    done = finetune(built, load_tokenizer(report), parts[0], parts[1:], recipe, seed, device="cpu", **options)
    return built, done


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def undisturbed(model, data):
    return go(model, data)


def test_it_learns(model, data) -> None:
    _, done = go(model, data, "cola", Recipe(epochs=30, batch_size=16, learning_rate=5e-3, max_length=32))
    losses = [row["loss"] for row in done.curve if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]


def test_what_is_told_of_a_run(undisturbed) -> None:
    assert undisturbed[1].steps == 18 and undisturbed[1].epoch == 3.0
    assert [row["step"] for row in undisturbed[1].curve if "validation_f1" in row] == [6, 12, 18]
    assert undisturbed[1].rate > 0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(model, data, undisturbed) -> None:
    assert same_weights(go(model, data)[0], undisturbed[0])
    assert not same_weights(go(model, data, seed=1)[0], undisturbed[0])


@pytest.mark.parametrize("stop", [1, 6, 8, 12, 17, 18])
def test_a_resume_ends_with_the_weights_of_the_undisturbed_run(
    model, data, undisturbed, stop: int, tmp_path: Path
) -> None:
    # Within an epoch and at its end; the checkpoint is what a cancellation leaves.
    done = [0]

    def progress(at: int, total: int) -> None:
        done[0] = at

    with pytest.raises(Cancelled):
        go(model, data, saving=Saving(home=tmp_path), progress=progress, cancelled=lambda: done[0] >= stop)
    assert newest(tmp_path).checkpoint.step == stop
    built, found = go(model, data, saving=Saving(home=tmp_path, attempt=2))
    assert found.resumed == stop
    assert same_weights(built, undisturbed[0])
    np.testing.assert_array_equal(found.logits["validation"], undisturbed[1].logits["validation"])
    scores = [(row["step"], row["validation_f1"]) for row in found.curve if "validation_f1" in row]
    assert scores == [(row["step"], row["validation_f1"]) for row in undisturbed[1].curve if "validation_f1" in row]


@pytest.mark.parametrize("step", [12, 18])
def test_a_cancel_during_an_evaluation_loses_no_step(model, data, undisturbed, step: int, tmp_path: Path) -> None:
    done, asked = [0], [0]

    def cancelled() -> bool:
        asked[0] += done[0] == step
        return asked[0] > 1  # the first time is at the end of the step

    with pytest.raises(Cancelled, match="during an evaluation"):
        go(
            model,
            data,
            saving=Saving(home=tmp_path),
            progress=lambda at, total: done.__setitem__(0, at),
            cancelled=cancelled,
        )
    assert newest(tmp_path).checkpoint.step == step
    built, found = go(model, data, saving=Saving(home=tmp_path, attempt=2))
    assert found.steps == 18 and same_weights(built, undisturbed[0])
    scores = [(row["step"], row["validation_f1"]) for row in found.curve if "validation_f1" in row]
    assert scores == [(row["step"], row["validation_f1"]) for row in undisturbed[1].curve if "validation_f1" in row]


def test_resuming_a_cut_model_is_exact_too(model, data, tmp_path: Path) -> None:
    from obce_core.analysis.analyze import analyze
    from obce_core.glue.classifier import cut_state

    analysis = analyze(model.source.folder, tiny.sample(20), device="cpu")
    plan = tiny.some_of_everything(analysis)
    parts = [read_examples("mrpc", split, glue_dir=data) for split in ("train", "validation")]

    def run(**options):
        built = classifier(model, TASKS["mrpc"], 0, cut=cut_state(analysis, plan, model))
        stored = sum(tensor.numel() for tensor in built.state_dict().values())
        with suppress(Cancelled):
            finetune(built, load_tokenizer(model), parts[0], parts[1:], RECIPE, 0, device="cpu", **options)
        assert sum(tensor.numel() for tensor in built.state_dict().values()) == stored
        return built

    whole = run()
    done = [0]
    run(
        saving=Saving(home=tmp_path), progress=lambda at, total: done.__setitem__(0, at), cancelled=lambda: done[0] >= 7
    )
    assert same_weights(run(saving=Saving(home=tmp_path)), whole)
    # What is not stored stays what it is: zeros, and the constant 1.
    for module in whole.modules():
        if getattr(module, "padded", False):
            stored = {tuple(places.tolist()) for _, _, axis, places in module._stored() if axis == 0}
            unused = sorted(set(range(module.weight.shape[0])) - {at for places in stored for at in places})
            if unused and stored:
                assert not module.weight[unused].any()


def test_the_best_epoch_survives_a_resume(model, data, tmp_path: Path) -> None:
    recipe = Recipe(**{**RECIPE.plain(), "keep": "best"})
    built, whole = go(model, data, recipe=recipe)
    done = [0]
    with pytest.raises(Cancelled):
        go(
            model,
            data,
            recipe=recipe,
            saving=Saving(home=tmp_path),
            progress=lambda at, total: done.__setitem__(0, at),
            cancelled=lambda: done[0] >= 14,
        )
    again, found = go(model, data, recipe=recipe, saving=Saving(home=tmp_path))
    assert found.epoch == whole.epoch
    assert same_weights(again, built)
    best = max((row["validation_f1"], -row["epoch"]) for row in whole.curve if "validation_f1" in row)
    assert whole.epoch == -best[1]


def test_patience_ends_it(model, data) -> None:
    flat = Recipe(**{**RECIPE.plain(), "epochs": 9, "patience": 2, "learning_rate": 1e-9})
    _, done = go(model, data, recipe=flat)
    assert done.epoch == 3.0  # the first epoch, and two that were no better


def test_every_epoch_sees_every_example_once_and_neighbours_are_alike() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 200)
    orders = []
    for epoch in range(2):
        sampler = ByLength(lengths, 8, seed=5)
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        assert Counter(orders[-1]) == Counter(range(200))
        padding = sum(
            8 * max(lengths[at] for at in batch) - sum(lengths[at] for at in batch)
            for batch in np.reshape(orders[-1], (25, 8))
        )
        shuffled = np.random.default_rng(1).permutation(200).reshape(25, 8)
        assert padding < 0.4 * sum(8 * lengths[batch].max() - lengths[batch].sum() for batch in shuffled)
    assert orders[0] != orders[1]
    again = ByLength(lengths, 8, seed=5)
    again.set_epoch(1)
    assert list(again) == orders[1]


@pytest.mark.parametrize("task", ["stsb", "mnli"])
def test_regressions_and_three_classes(task: str, model, data) -> None:
    _, done = go(model, data, task, Recipe(epochs=1, batch_size=8, max_length=32))
    assert set(done.logits) == set(TASKS[task].validation)
    assert all(outputs.shape == (24, TASKS[task].classes) for outputs in done.logits.values())


def test_outputs_stand_in_the_order_of_the_examples(model, data) -> None:
    built, done = go(model, data)
    part = read_examples("mrpc", "validation", glue_dir=data)
    tokenizer = load_tokenizer(model)
    for at in (0, 7, 23):
        inputs = tokenizer(*part.sentences[at], return_tensors="pt", truncation=True, max_length=32)
        with torch.no_grad():
            alone = built.eval()(**inputs).logits[0].numpy()
        np.testing.assert_allclose(done.logits["validation"][at], alone, atol=1e-5)


def test_steps_are_limited_and_parts_add_up(model, data, undisturbed) -> None:
    _, short = go(model, data, recipe=Recipe(**{**RECIPE.plain(), "steps": 4}))
    assert short.steps == 4
    _, whole = go(model, data, recipe=Recipe(**{**RECIPE.plain(), "steps": 40}))
    assert whole.steps == 18  # at most: never beyond the epochs
    recipe = RECIPE.in_parts(2)
    assert (recipe.accumulation, recipe.batch_size, RECIPE.in_parts(None), RECIPE.in_parts(3).accumulation) == (
        4,
        8,
        RECIPE,
        4,
    )
    _, parts = go(model, data, recipe=recipe)
    assert parts.steps == 18
    assert RECIPE.steps_over(48) == 18 and RECIPE.steps_over(49) == 21


def test_a_batch_stays_what_it_is_on_many_devices() -> None:
    assert [share_of_batch(RECIPE, devices=devices) for devices in (1, 2, 8)] == [8, 4, 1]
    assert share_of_batch(RECIPE.in_parts(4), devices=2) == 2
    with pytest.raises(BadInput, match="3 devices"):
        share_of_batch(RECIPE, devices=3)


def test_a_gpu_other_than_the_first_is_refused_with_the_way_to_choose_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="CUDA_VISIBLE_DEVICES=2"):
        training_arguments(RECIPE, 0, torch.device("cuda:2"), tmp_path, 48)


def test_only_two_checkpoints_stay_and_all_verify(model, data, tmp_path: Path) -> None:
    go(model, data, saving=Saving(home=tmp_path, every=4))
    assert [folder.name for folder in committed(tmp_path)] == ["step-00000012", "step-00000016"]
    assert not (tmp_path / "step-00000016" / "training_args.bin").exists()
    assert list(tmp_path.glob("*.tmp-*")) == []


@pytest.mark.parametrize(("seconds", "names"), [(60.0, []), (0.0, ["step-00000016", "step-00000017"])])
def test_an_epoch_is_saved_when_the_last_checkpoint_is_old(
    model, data, seconds: float, names: list[str], tmp_path: Path
) -> None:
    go(model, data, saving=Saving(home=tmp_path, seconds=seconds))
    assert [folder.name for folder in committed(tmp_path)] == names


def test_outputs_that_are_no_numbers_are_an_error(model, data) -> None:
    built = classifier(model, TASKS["mrpc"], 0)
    with torch.no_grad():
        built.classifier.weight.fill_(float("inf"))
    part = read_examples("mrpc", "validation", glue_dir=data)
    with pytest.raises(NotFinite, match="lower learning rate"):
        finetune(built, load_tokenizer(model), None, [part], RECIPE, 0, device="cpu")


def test_heads_are_fresh_by_seed_or_kept(model, tmp_path: Path) -> None:
    import transformers

    one, other = (classifier(model, TASKS["mnli"], seed) for seed in (0, 1))
    assert one.classifier.weight.shape == (3, 24)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert one.config.id2label[2] == "contradiction"
    with pytest.raises(ModelError, match="no classifier"):
        classifier(model, TASKS["mnli"], 0, keep_head=True)
    folder = tiny.save_tiny(tmp_path / "fine", transformers.BertForSequenceClassification)
    kept = classifier(check_model(folder), TASKS["mrpc"], 0, keep_head=True)
    stock = transformers.BertForSequenceClassification.from_pretrained(folder)
    assert torch.equal(kept.classifier.weight, stock.classifier.weight)
    with pytest.raises(ModelError, match="the classifier has 2 outputs; MNLI needs 3"):
        classifier(check_model(folder), TASKS["mnli"], 0, keep_head=True)


def test_recipes_are_checked_and_tiers_named() -> None:
    assert [tier_name(recipe_of(name)) for name in ("smoke", "quick", "paper")] == ["smoke", "quick", "paper"]
    assert tier_name(recipe_of("paper", epochs=3)) == "own"
    paper = recipe_of("paper")
    assert (paper.epochs, paper.batch_size, paper.max_length, paper.warmup) == (40, 32, 128, 0.1)
    assert [paper.at_width(width).learning_rate for width in (768, 1024)] == [
        2e-5,
        2e-5,
    ]  # as in the paper, for its two models
    for wrong in (
        {"epochs": -1},
        {"batch_size": 0},
        {"steps": 0},
        {"learning_rate": float("nan")},
        {"batch_size": 6, "accumulation": 4},
    ):
        with pytest.raises(BadInput):
            Recipe(**wrong)
    with pytest.raises(BadInput, match="allows"):
        from obce_core.glue.batches import tokenized
        from obce_core.glue.examples import Examples

        tokenized(
            Examples(task="cola", split="train", sentences=(("a",),), labels=np.zeros(1), source=""), None, 600, 512
        )
