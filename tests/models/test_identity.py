"""The identity of a model and of what is computed with it: every input that decides a number is part of the id.

A change of any one input gives another identity, and with it another analysis, plan, preview, evaluation and export,
and no latency of the model that lay there before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gluefolder import write_tasks
from safetensors.numpy import load_file, save_file
from tiny import copy_folder, edit_config, sample, save_tiny

from obce_core.analysis.analysis import META, Analysis, read_analysis
from obce_core.analysis.analyze import analyze
from obce_core.analysis.catalog import list_saved
from obce_core.analysis.original import PLACES, model_spec, original_of
from obce_core.compression.build import compress
from obce_core.errors import ModelError, PlanError
from obce_core.export import is_export_of
from obce_core.export.dense import export_dense
from obce_core.glue.recipe import recipe_of
from obce_core.glue.unit import Prepared, Unit, Variant, prepare
from obce_core.glue.workspace import checkpoints_of
from obce_core.measure.latency import measure_latency, read_latency
from obce_core.measure.preview import preview_key
from obce_core.measure.verify import verify
from obce_core.models.check import check_model
from obce_core.models.identity import OLDER, Identity, identity_of, read_identity
from obce_core.models.locate import TOKENIZER_FILES
from obce_core.plan import make_plan, read_plan, write_plan
from obce_core.plan.plan_file import from_document, to_document
from obce_core.storage.atomic import write_json
from obce_core.storage.digests import file_sha256, stable_sha256
from obce_core.version import ALGORITHMS

Change = Callable[[Path], Any]


def _config(**fields: Any) -> Change:
    return lambda folder: edit_config(folder, **fields)


def _weights(folder: Path) -> None:
    tensors = {name: tensor.copy() for name, tensor in load_file(folder / "model.safetensors").items()}
    tensors["encoder.layer.1.output.dense.bias"][3] += 1e-3
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _append(name: str, text: str = "\n") -> Change:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_text((path.read_text() if path.exists() else "{}") + text)

    return change


# what is changed in the folder, the part of the identity that differs
CHANGES: dict[str, tuple[Change, str]] = {
    "one weight": (_weights, "other weights"),
    "hidden_act": (_config(hidden_act="relu"), "another config.json"),
    "layer_norm_eps": (_config(layer_norm_eps=1e-3), "another config.json"),
    "heads": (_config(num_attention_heads=6), "another config.json"),
    "pad_token_id": (_config(pad_token_id=1), "another config.json"),
    "id2label": (_config(id2label={"0": "yes", "1": "no"}), "another config.json"),
    "architecture": (_config(architectures=["BertForMaskedLM"]), "another architecture"),
    **{name: (_append(name), "another tokenizer") for name in TOKENIZER_FILES},
}
UNCHANGED: dict[str, Change] = {
    "an ignored config key": _config(gradient_checkpointing=True),
    "a read-me": _append("README.md", "words"),
    "a side file": _append("modules.json", "[]"),
}


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    """Copy the tiny model, to be changed."""
    return copy_folder(tiny_folder, tmp_path / "model")


def identity(folder: Path) -> Identity:
    return identity_of(check_model(folder))


@pytest.mark.parametrize(("change", "part"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_any_input_is_another_identity_that_names_the_part(change: Change, part: str, model: Path) -> None:
    before = identity(model)
    change(model)
    after = identity(model)
    assert after.digest != before.digest and before.differences(after) == [part]


@pytest.mark.parametrize("change", UNCHANGED.values(), ids=UNCHANGED)
def test_what_decides_no_number_is_not_part_of_the_identity(change: Change, model: Path) -> None:
    before = identity(model)
    change(model)
    assert identity(model) == before


def test_stored_rows_of_a_cut_model_are_part_of_its_identity(tiny_cut: Path, tiny_folder: Path) -> None:
    cut = identity(tiny_cut)
    assert cut.widths and not identity(tiny_folder).widths
    assert cut.differences(replace(cut, widths="")) == ["other stored rows"]


def test_an_identity_reads_back_and_anything_else_is_the_older_kind(model: Path) -> None:
    mine = identity(model)
    assert read_identity(json.loads(json.dumps(mine.plain()))) == mine
    for data in (None, "", {}, {"weights": "00"}, {**mine.plain(), "more": ""}, {**mine.plain(), "weights": 7}):
        assert read_identity(data) is None


def unit(folder: Path, glue: Path, **changes: Any) -> Prepared:
    options = {"task": "sst2", "seed": 0, "recipe": recipe_of("smoke"), **changes}
    return prepare(Unit(variant=Variant(label="original", model=str(folder)), **options), glue_dir=glue)


def ids(folder: Path, glue: Path) -> dict[str, str]:
    """Name every kind of result of a model, with the same texts and data."""
    analysis = analyze(folder, sample(20, heldout=6), batch_size=8)
    plan = make_plan(analysis, percentile=50, first_layer=2)
    return {
        "analysis": analysis.id,
        "plan": plan.digest,
        "preview": preview_key(analysis.id, plan.kept, plan.prune_spec.compensation),
        "evaluation": unit(folder, glue).id,
    }


@pytest.mark.parametrize(
    "name", ["one weight", "hidden_act", "heads", "id2label", "architecture", "vocab.txt", "tokenizer.json"]
)
def test_no_result_is_found_again_after_a_change(name: str, model: Path, tmp_path: Path) -> None:
    glue = write_tasks(tmp_path / "glue", "sst2")
    before = ids(model, glue)
    assert ids(model, glue) == before
    CHANGES[name][0](model)
    after = ids(model, glue)
    assert {kind for kind in before if before[kind] != after[kind]} == set(before)


def test_every_option_of_an_analysis_is_part_of_its_id(model: Path) -> None:
    texts = sample(20, heldout=6)
    base = analyze(model, texts, batch_size=8).id
    others: list[dict[str, Any]] = [
        {"tokens": "mean"},
        {"tap": "linear"},
        {"max_length": 9},
        {"dtype": "float64"},
        {"texts": sample(19, heldout=6)},
        {"texts": sample(20, heldout=5)},
        {"texts": replace(texts, seed=1)},
        {"texts": replace(texts, source="other")},
    ]
    named = [analyze(model, **{"texts": texts, "batch_size": 8, **other}).id for other in others]
    assert len({base, *named}) == 1 + len(others)
    assert analyze(model, texts, batch_size=4).id == base


def test_every_input_of_an_evaluation_is_part_of_its_id(model: Path, tmp_path: Path) -> None:
    glue = write_tasks(tmp_path / "glue", "sst2")
    base = unit(model, glue).id
    changes: dict[str, Any] = {
        "epochs": 2,
        "examples": 16,
        "steps": 3,
        "batch_size": 8,
        "accumulation": 2,
        "max_length": 32,
        "learning_rate": 3e-3,
        "warmup": 0.2,
        "patience": 1,
        "keep": "best",
    }
    assert set(changes) <= set(recipe_of("smoke").plain())
    named = [unit(model, glue, recipe=recipe_of("smoke", **{name: value})).id for name, value in changes.items()]
    named += [unit(model, glue, seed=1).id]
    dev = glue / "SST-2" / "dev.tsv"
    dev.write_text(dev.read_text().replace("\t1\n", "\t0\n", 1))
    named += [unit(model, glue).id]
    assert len({base, *named}) == 1 + len(named)


@pytest.mark.parametrize("kind", ["analysis", "evaluation", "preview"])
def test_the_version_of_the_algorithm_is_part_of_the_id(
    kind: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glue = write_tasks(tmp_path / "glue", "sst2")
    before = ids(model, glue)
    monkeypatch.setitem(ALGORITHMS, kind, ALGORITHMS[kind] + 1)
    after = ids(model, glue)
    assert before[kind] != after[kind]


# --- the same weights in two folders


def test_two_folders_with_the_same_weights_are_two_analyses_and_each_is_cut_as_itself(tmp_path: Path) -> None:
    import transformers

    first = save_tiny(tmp_path / "first", transformers.BertForMaskedLM)
    second = copy_folder(first, tmp_path / "second")
    edit_config(first, architectures=["BertModel"])
    texts = sample(20, heldout=6)
    one, two = (analyze(folder, texts, batch_size=8) for folder in (first, second))
    assert one.id != two.id and two.meta["model"]["name"] == "second"
    made = compress(two, make_plan(two, percentile=50, first_layer=2), device="cpu")
    assert json.loads((made.folder / "config.json").read_text())["architectures"] == ["ObceBertForMaskedLM"]
    shutil.move(first, tmp_path / "elsewhere")
    assert compress(two, make_plan(two, percentile=50, first_layer=2), tmp_path / "out", device="cpu").folder.is_dir()


def test_a_model_analysed_in_two_places_is_found_where_it_still_lies(model: Path, tmp_path: Path) -> None:
    texts = sample(20, heldout=6)
    analysis = analyze(model, texts, batch_size=8)
    copy = copy_folder(model, tmp_path / "copy")
    again = analyze(copy, texts, batch_size=8)
    assert again.id == analysis.id and again.folder is not None and (again.folder / PLACES).is_file()
    assert model_spec(again) == str(model)
    shutil.rmtree(model)
    assert model_spec(again) == str(copy)
    assert compress(
        again, make_plan(again, percentile=50, first_layer=2), tmp_path / "out", device="cpu"
    ).folder.is_dir()
    edit_config(copy, hidden_act="relu")
    with pytest.raises(ModelError, match="No model folder at"):  # the first place is the one that is missed
        original_of(read_analysis(analysis.id))


# --- a plan, an original and a cut are held against the whole identity

HELD = {name: CHANGES[name] for name in ("hidden_act", "architecture", "vocab.txt", "special_tokens_map.json")}


@pytest.mark.parametrize(("change", "part"), HELD.values(), ids=HELD)
def test_an_original_that_was_changed_is_refused_with_the_part_that_differs(
    change: Change, part: str, model: Path, tmp_path: Path
) -> None:
    glue = write_tasks(tmp_path / "glue", "sst2")
    analysis = analyze(model, sample(20, heldout=6), batch_size=8)
    plan = make_plan(analysis, percentile=50, first_layer=2)
    cut = compress(analysis, plan, tmp_path / "cut", device="cpu").folder
    change(model)
    with pytest.raises(ModelError, match=f"model has {part} than the analysis was made on"):
        compress(analysis, plan, tmp_path / "again", device="cpu")
    with pytest.raises(ModelError, match=f"has the weights that the model was cut from, but {part}"):
        verify(cut, against=model, device="cpu")
    document = to_document(plan)
    with pytest.raises(ModelError, match=f"model has {part} than"):
        prepare(
            Unit(
                variant=Variant(label="P50", model=str(model), plan=document),
                task="sst2",
                seed=0,
                recipe=recipe_of("smoke"),
            ),
            glue_dir=glue,
        )
    with pytest.raises(PlanError, match="made for a model with the same weights, but another architecture"):
        from_document(document, analyze(model, sample(20, heldout=6), batch_size=8))


def test_a_cut_whose_tokenizer_was_altered_is_not_proven(tiny_cut: Path, tiny_folder: Path, tmp_path: Path) -> None:
    cut = copy_folder(tiny_cut, tmp_path / "cut")
    _append("tokenizer_config.json")(cut)
    with pytest.raises(ModelError, match="a tokenizer file was altered after the cut"):
        verify(cut, against=tiny_folder, device="cpu")


def test_a_latency_is_not_shown_for_another_model_that_lies_in_its_place(model: Path) -> None:
    assert read_latency(model) is None
    made = measure_latency(model, model, batches=(1,), length=8, rounds=3, device="cpu")
    assert read_latency(model) == made and made.identity == identity(model).plain() == made.original
    CHANGES["hidden_act"][0](model)
    assert read_latency(model) is None


def test_an_export_is_not_offered_for_another_model_that_lies_in_its_place(
    tiny_cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut, out = copy_folder(tiny_cut, tmp_path / "cut"), tmp_path / "cut-dense"
    assert not is_export_of(out, cut)
    export_dense(cut, out)
    assert is_export_of(out, cut)
    with monkeypatch.context() as patch:
        patch.setitem(ALGORITHMS, "export", ALGORITHMS["export"] + 1)
        assert not is_export_of(out, cut)
    _append("tokenizer_config.json")(cut)
    assert not is_export_of(out, cut)


# --- results of the older kind


def older(analysis: Analysis) -> Analysis:
    """Take from an analysis what one of the older kind does not record."""
    assert analysis.folder is not None
    meta = json.loads((analysis.folder / META).read_text())
    folder = Path(meta["model"]["spec"])
    files = [folder / name for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json")]
    config = meta["model"].pop("config")
    meta["model"].pop("identity")
    meta["inputs"] = {
        "algorithm": 2,
        "weights_sha256": meta["model"]["weights_sha256"],
        "config": config,
        "tokenizer": [file_sha256(path) if path.is_file() else None for path in files],
    }
    write_json(analysis.folder / META, meta)
    return read_analysis(analysis.folder)


def test_an_analysis_of_the_older_kind_opens_says_so_and_is_cut(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from obce_core.cli import main

    analysis = older(analyze(model, sample(20, heldout=6), batch_size=8))
    assert analysis.identity is None and [entry.is_older_kind for entry in list_saved()] == [True]
    plan = make_plan(analysis, percentile=50, first_layer=2)
    assert "identity" not in plan.model
    write_plan(plan, tmp_path / "p.json")
    assert read_plan(tmp_path / "p.json").digest == plan.digest
    assert compress(analysis, plan, tmp_path / "cut", device="cpu").folder.is_dir()
    assert verify(tmp_path / "cut", against=model, device="cpu").equal
    assert main(["plan", "--analysis", analysis.id, "--percentile", "50"]) == 0
    assert OLDER in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["hidden_act", "architecture", "tokenizer.json"])
def test_an_analysis_of_the_older_kind_is_held_against_what_it_recorded(name: str, model: Path) -> None:
    analysis = older(analyze(model, sample(20, heldout=6), batch_size=8))
    change, part = CHANGES[name]
    change(model)
    with pytest.raises(ModelError, match=part):
        original_of(analysis)


def test_an_interrupted_fine_tuning_of_the_older_kind_is_not_resumed_and_the_result_says_why(
    model: Path, tmp_path: Path
) -> None:
    from obce_core.glue.execute import perform
    from obce_core.glue.execution import Execution

    glue = write_tasks(tmp_path / "glue", "sst2")
    prepared = unit(model, glue, recipe=recipe_of("smoke", steps=1))
    assert prepared.older_id != prepared.id
    checkpoints_of(prepared.older_id).mkdir(parents=True)
    made = perform(prepared, Execution(device="cpu"))
    assert any(prepared.older_id in note and "was not resumed" in note for note in made.result["notes"])
    assert made.identity == identity(model) and made.unit["algorithm"] == ALGORITHMS["evaluation"]


def test_a_digest_is_remembered_only_for_a_file_that_did_not_change(tmp_path: Path) -> None:
    import os

    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert stable_sha256(path) == file_sha256(path)
    path.write_bytes(b"two")  # same size, within the clock's resolution
    assert stable_sha256(path) == file_sha256(path)
    os.utime(path, (1, 1))
    path.write_bytes(np.random.default_rng(0).bytes(3))
    os.utime(path, (1, 1))
    assert stable_sha256(path) == file_sha256(path)
