"""A tokenizer that does not fit a model is named in the evaluation, and one bad unit never ends a sweep."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import gluefolder
import pytest
import tiny
from shell import run

from obce_core.errors import Cancelled, ModelError, Superseded, TextsError
from obce_core.glue import execute_many
from obce_core.glue.execute import perform
from obce_core.glue.execute_many import perform_all
from obce_core.glue.execution import Execution
from obce_core.glue.recipe import Recipe
from obce_core.glue.unit import Unit, Variant, prepare

TRAINED = Recipe(epochs=1, steps=2, batch_size=16, learning_rate=1e-3, max_length=24)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gluefolder.write_tasks(tmp_path_factory.mktemp("tasks"), "mrpc", "cola")


@pytest.fixture
def model(folder: Path, tmp_path: Path) -> Path:
    return tiny.copy_folder(folder, tmp_path / "model")


def unit(model: Path, task: str = "cola", label: str = "original") -> Unit:
    return Unit(variant=Variant(label=label, model=str(model)), task=task, seed=0, recipe=TRAINED)


def rewrite(folder: Path, **changes: Any) -> None:
    """Change the tokenizer.json and leave nothing beside it but names."""
    for name in ("vocab.txt", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"} | names))


def test_a_classifier_needs_cls_first(model: Path, tasks: Path) -> None:
    rewrite(model, post_processor=None)
    with pytest.raises(ModelError, match=r"puts no \[CLS\] first .*and the classifier reads the first token"):
        perform(prepare(unit(model), glue_dir=tasks), Execution(device="cpu"))


def test_a_classifier_needs_a_padding_token(model: Path, tasks: Path) -> None:
    rewrite(model)
    path = model / "tokenizer_config.json"
    path.write_text(
        json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "pad_token"})
    )
    with pytest.raises(ModelError, match="has no padding token"):
        perform(prepare(unit(model), glue_dir=tasks), Execution(device="cpu"))


def test_pairs_need_two_segments(tmp_path: Path, tasks: Path) -> None:
    model = tiny.save_tiny(tmp_path / "model", type_vocab_size=1)
    with pytest.raises(
        ModelError, match=r"gives second sentences segment 1, the model has 1 \(type_vocab_size\); mrpc has pairs"
    ):
        perform(prepare(unit(model, "mrpc"), glue_dir=tasks), Execution(device="cpu"))
    assert perform(prepare(unit(model), glue_dir=tasks), Execution(device="cpu")).scores


def test_examples_of_which_every_word_piece_is_unknown_are_refused(model: Path, tasks: Path) -> None:
    for name in ("tokenizer.json", "special_tokens_map.json"):
        (model / name).unlink(missing_ok=True)
    (model / "vocab.txt").write_text("\n".join([*tiny.VOCABULARY[:5], *tiny.LETTERS.upper()]))
    (model / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    with pytest.raises(TextsError, match=r"word pieces [\d,]+ are \[UNK\].*do_lower_case"):
        perform(prepare(unit(model), glue_dir=tasks), Execution(device="cpu"))


def test_many_unknown_word_pieces_are_a_note_of_the_evaluation(model: Path, tasks: Path) -> None:
    for name in ("tokenizer.json", "special_tokens_map.json"):
        (model / name).unlink(missing_ok=True)
    (model / "vocab.txt").write_text(
        "\n".join(word for word in tiny.VOCABULARY if word not in {"a", "##a", "d", "##d", "##e"})
    )
    (model / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    done = perform(prepare(unit(model), glue_dir=tasks), Execution(device="cpu"))
    assert any("are [UNK]; the tokenizer does not fit these texts." in note for note in done.result["notes"])


def test_ids_beyond_the_embeddings_stand_under_not_made_and_the_sound_model_is_evaluated(
    folder: Path, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tiny.save_tiny(tmp_path / "small", vocab_size=20)
    sweep = {
        "model": str(small),
        "variants": ["original", {"model": str(folder), "label": "sound"}],
        "tasks": ["cola"],
        "recipe": {"epochs": 1, "steps": 2, "max_length": 24},
    }
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    done = run(capsys, "sweep", tmp_path / "sweep.json", "--glue-dir", tasks, "--device", "cpu", "--quiet")
    assert "sound" in done.out and "Traceback" not in done.err
    assert (
        "Not made: original, cola, seed 0: The tokenizer has ids up to 70, the model's vocabulary has 20"
        in done.out + done.err
    )


@pytest.mark.parametrize("where", ["prepare", "perform"])
def test_an_error_of_our_own_in_one_unit_does_not_end_the_others(
    where: str,
    folder: Path,
    model: Path,
    tasks: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = getattr(execute_many, where)

    def fail(what: Any, *rest: Any, **options: Any) -> Any:
        name = what.variant.label if where == "prepare" else what.unit.variant.label
        if name == "bad":
            raise IndexError("list index out of range")
        return work(what, *rest, **options)

    monkeypatch.setattr(execute_many, where, fail)
    tiny.edit_config(model, hidden_dropout_prob=0.2)  # another model
    made, failed = perform_all(
        [unit(model, label="bad"), unit(folder, label="good")], Execution(device="cpu"), glue_dir=tasks
    )
    assert [one.label for one in made] == ["good"]
    assert failed == [
        "bad, cola, seed 0: internal error (IndexError: list index out of range); the log has the details"
    ]
    assert "Traceback" in capsys.readouterr().err  # in the log


@pytest.mark.parametrize(
    "error",
    [
        Cancelled("asked"),
        Superseded("newer"),
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("disk: No space left on device (os error 28)"),
    ],
    ids=["cancelled", "superseded", "memory", "gpu memory", "disk", "disk of a library"],
)
def test_what_concerns_every_unit_ends_the_run(
    error: Exception, folder: Path, tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(execute_many, "perform", fail)
    with pytest.raises(type(error)):
        perform_all([unit(folder)], Execution(device="cpu"), glue_dir=tasks)
