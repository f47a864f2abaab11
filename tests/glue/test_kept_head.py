"""A classifier that is kept: read by its own labels, refused where it is not in the file, saved with the task's
labels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
import transformers
from conftest import SMALL

from obce_core.cli import main
from obce_core.errors import ModelError
from obce_core.glue.estimate import lay_out, lay_out_unread
from obce_core.glue.execute import perform
from obce_core.glue.execution import Execution
from obce_core.glue.head import kept_head
from obce_core.glue.recipe import Recipe, recipe_of
from obce_core.glue.tasks import TASKS
from obce_core.glue.unit import Unit, Variant, prepare
from obce_core.models import check_model

AS_IT_IS = recipe_of("paper", epochs=0, max_length=24)
GLUE_ORDER = ("entailment", "neutral", "contradiction")


def save_classifier(where: Path, names: tuple[str, ...], *, seed: int = 0, **more: Any) -> Path:
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: at for at, name in enumerate(names)}}
    return tiny.save_tiny(
        where, transformers.BertForSequenceClassification, seed=seed, num_hidden_layers=2, **labels, **more
    )


def reorder(source: Path, target: Path, names: tuple[str, ...], places: list[int]) -> Path:
    """Copy a classifier with its outputs in another order: output k is what `places[k]` was, called `names[k]`."""
    shutil.copytree(source, target)

    def change(state: dict[str, torch.Tensor]) -> None:
        for part in ("weight", "bias"):
            state[f"classifier.{part}"] = state[f"classifier.{part}"][places].clone()

    tiny.edit_tensors(target, change)
    labels = {str(at): name for at, name in enumerate(names)}
    tiny.edit_config(target, id2label=labels, label2id={name: int(at) for at, name in labels.items()})
    return target


def prepared(folder: Path, task: str, glue: Path, *, seed: int = 0, recipe: Recipe = AS_IT_IS) -> Any:
    return prepare(
        Unit(variant=Variant(label="m", model=str(folder)), task=task, seed=seed, recipe=recipe), glue_dir=glue
    )


def test_a_permuted_classifier_scores_the_same(glue: Path, cache: Path, tmp_path: Path) -> None:
    one = save_classifier(tmp_path / "one", GLUE_ORDER)
    other = reorder(one, tmp_path / "other", ("Contradiction", "ENTAILMENT", "neutral"), [2, 0, 1])
    first, second = (prepared(folder, "mnli", glue) for folder in (one, other))
    assert first.id != second.id and second.document["outputs"] == [1, 2, 0]
    a, b = (perform(unit, Execution(device="cpu"), save_model=True) for unit in (first, second))
    logits = [made.predictions("validation_matched")["logits"] for made in (a, b)]
    np.testing.assert_array_equal(*logits)
    assert a.scores == b.scores and len(np.unique(a.predictions("validation_matched")["prediction"])) > 1
    assert any("output 0 is contradiction, 1 is entailment, 2 is neutral" in note for note in b.result["notes"])
    saved = check_model(b.folder / "model")  # the saved model has the task's order, and says so
    assert saved.config["id2label"] == dict(enumerate(GLUE_ORDER)) and kept_head(saved, TASKS["mnli"]).order == (
        0,
        1,
        2,
    )


@pytest.mark.parametrize(
    ("task", "names", "order"),
    [
        ("rte", ("not_entailment", "entailment"), (1, 0)),
        ("qnli", ("Entailment", "not-entailment"), (0, 1)),
        ("wnli", ("entailment", "not entailment"), (1, 0)),
        ("sst2", ("POSITIVE", "NEGATIVE"), (1, 0)),
        ("sst2", ("neg", "pos"), (0, 1)),
        ("cola", ("acceptable", "unacceptable"), (1, 0)),
        ("mrpc", ("equivalent", "not_equivalent"), (1, 0)),
        ("mrpc", ("not_paraphrase", "paraphrase"), (0, 1)),
        ("qqp", ("duplicate", "not_duplicate"), (1, 0)),
        ("cola", ("1", "0"), (1, 0)),
        ("mnli", ("2", "0", "1"), (1, 2, 0)),
        ("mnli", ("LABEL_0", "LABEL_1", "LABEL_2"), (0, 1, 2)),
        ("mnli", ("yes", "maybe", "no"), (0, 1, 2)),
        ("stsb", ("whatever",), (0,)),
    ],
)
def test_names_decide_the_order(task: str, names: tuple[str, ...], order: tuple[int, ...], tmp_path: Path) -> None:
    found = kept_head(check_model(save_classifier(tmp_path / "m", names)), TASKS[task])
    assert found.order == order and found.is_reordered == (order != tuple(range(len(order))))
    read_in_order = names[0] in ("LABEL_0", "yes")
    assert ("outputs were read in order" in found.note) == read_in_order
    assert ("by the names in id2label" in found.note) == (not read_in_order and task != "stsb")


@pytest.mark.parametrize(
    ("task", "names", "message"),
    [
        (
            "mnli",
            ("entailment", "neutral", "LABEL_2"),
            "id2label names the outputs entailment, neutral, LABEL_2; MNLI has",
        ),
        ("sst2", ("positive", "pos"), "each once"),
        ("sst2", ("LABEL_1", "LABEL_0"), "each once"),
        ("rte", ("entailment", "neutral"), "RTE has entailment, not_entailment, each once"),
        ("rte", GLUE_ORDER, "the classifier has 3 outputs; RTE needs 2"),
        ("stsb", ("a", "b"), "the classifier has 2 outputs; STS-B needs 1"),
    ],
)
def test_names_that_match_in_part_or_twice_are_refused(
    task: str, names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        kept_head(check_model(save_classifier(tmp_path / "m", names)), TASKS[task])
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_every_name_of_every_task_is_the_name_of_one_class() -> None:
    for task in TASKS.values():
        names = [name for known in task.names for name in known]
        assert len(names) == len(set(names)) and len(task.names) == (0 if task.regression else task.classes), task.name
        assert all(word in known for word, known in zip(task.words, task.names, strict=False))


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("BertModel", "classifier.*"),
        ("BertForMaskedLM", "pooler.*, classifier.*"),
        ("BertForPreTraining", "classifier.*"),
        ("BertForTokenClassification", "pooler.*"),
        ("BertForQuestionAnswering", "pooler.*, classifier.*"),
    ],
)
def test_a_head_that_is_not_in_the_file_is_refused_before_anything_runs(
    name: str, absent: str, glue: Path, tmp_path: Path
) -> None:
    folder = tiny.save_tiny(tmp_path / "m", getattr(transformers, name), num_hidden_layers=1)
    with pytest.raises(ModelError) as caught:
        prepared(folder, "mrpc", glue)
    assert f"has no classifier to keep: model.safetensors lacks {absent}." in str(caught.value) and "\n" not in str(
        caught.value
    )
    unit = Unit(variant=Variant(label="m", model=str(folder)), task="mrpc", seed=0, recipe=AS_IT_IS)
    for lines, wrong in (lay_out([unit], glue_dir=glue), lay_out_unread([unit], [])):
        assert lines == [] and "no classifier to keep" in wrong[0]


def test_a_classifier_of_something_else_is_refused(glue: Path, tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "m", ("0", "1"))
    tiny.edit_config(folder, architectures=["BertForTokenClassification"])
    with pytest.raises(ModelError, match="it is a BertForTokenClassification, not a BertForSequenceClassification"):
        prepared(folder, "mrpc", glue)


def test_a_kept_head_does_not_depend_on_the_seed_and_a_fresh_one_is_said(
    glue: Path, cache: Path, tmp_path: Path
) -> None:
    folder = save_classifier(tmp_path / "m", ("0", "1"))
    one, two = (perform(prepared(folder, "mrpc", glue, seed=seed), Execution(device="cpu")) for seed in (0, 1))
    np.testing.assert_array_equal(*(made.predictions("validation")["logits"] for made in (one, two)))
    bare = tiny.save_tiny(tmp_path / "bare", transformers.BertForMaskedLM, num_hidden_layers=1)
    fresh, without = (
        perform(prepared(where, "mrpc", glue, recipe=SMALL), Execution(device="cpu")) for where in (folder, bare)
    )
    assert "The classifier started at random, drawn from the seed." in fresh.result["notes"]
    assert any(
        "and the pooler, which is not in the file, started at random" in note for note in without.result["notes"]
    )


def test_the_command_refuses_what_it_would_have_drawn(
    glue: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.save_tiny(tmp_path / "m", transformers.BertForMaskedLM, num_hidden_layers=1)
    asked = [
        "evaluate",
        "--model",
        str(folder),
        "--task",
        "mrpc",
        "--epochs",
        "0",
        "--glue-dir",
        str(glue),
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main(asked) == 2
    error = capsys.readouterr().err
    assert (
        "no classifier to keep: model.safetensors lacks pooler.*, classifier.*." in error and "Traceback" not in error
    )
