"""From a model and texts to an analysis: what is stored, under which id, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from naive import sweep_r_f, two_pass
from safetensors.numpy import load_file
from tiny import SIZES, copy_folder, edit_tensors, sample, sentences

import obce_core.analysis.analyze as pipeline
from obce_core.analysis.analysis import BASE_COLUMNS, Analysis, read_analysis, stored_criteria
from obce_core.analysis.analyze import analyze
from obce_core.analysis.catalog import list_analyses
from obce_core.components import COMPONENTS, HEADED
from obce_core.criteria import CRITERIA, random_scores
from obce_core.errors import (
    AnalysisError,
    BadInput,
    Cancelled,
    ModelError,
    NotFinite,
    PathError,
    TextsError,
    UnknownName,
)
from obce_core.models.load import load_model
from obce_core.storage.staging import manifest_faults
from obce_core.texts import Texts, load_texts

CELLS = [(layer, component) for layer in range(1, 5) for component in COMPONENTS]


def test_the_folder_holds_four_files_and_a_manifest(tiny_analysis: Analysis) -> None:
    assert sorted(path.name for path in tiny_analysis.folder.iterdir()) == [
        "MANIFEST.json",
        "activations.safetensors",
        "analysis.json",
        "importance.parquet",
        "texts.parquet",
    ]
    assert manifest_faults(tiny_analysis.folder) == []


def test_the_facts_say_what_was_measured_on_what(tiny_analysis: Analysis, tiny_folder: Path) -> None:
    meta, texts = tiny_analysis.meta, sample(20, heldout=6)
    assert (meta["format"], meta["tokens"], meta["tap"], meta["max_length"], meta["rows"]) == (
        "obce-analysis/1",
        "cls",
        "neuron",
        128,
        20,
    )
    assert meta["texts"] == {
        "source": "test",
        "n": 20,
        "seed": 0,
        "available": 26,
        "digest": texts.digest,
        "heldout": 6,
        "truncated": 0,
        "word_pieces": sum(len(text.replace(" ", "")) for text in texts.texts),
        "unknown": 0,
        "empty": 0,
        "heldout_empty": 0,
        "notes": [],
    }
    model = meta["model"]
    report = load_model(tiny_folder).report
    assert (model["spec"], model["name"], model["revision"], model["family"], model["architecture"]) == (
        str(tiny_folder),
        "tiny",
        "",
        "bert",
        "BertModel",
    )
    assert model["weights_sha256"] == report.source.weights_sha256
    assert model["shape"] == {"layers": 4, "hidden": 24, "heads": 3, "head_size": 8, "intermediate": 40}
    assert {name: tuple(size) for name, size in model["tensors"].items()} == {
        name: info.shape for name, info in report.tensors.items()
    }
    assert meta["conventions"] == {
        "r_f": "radius",
        "total_persistence": "radius squared",
        "std": "population (ddof 0)",
        "layers": "from 1",
        "neurons": "from 0",
    }
    units = pq.read_schema(tiny_analysis.folder / "importance.parquet").metadata
    assert units[b"r_f"] == b"radius" and units[b"total_persistence"] == b"radius squared"
    assert meta["criteria"] == list(stored_criteria())
    assert set(meta["versions"]) == {"obce", "python", "torch", "transformers", "tokenizers", "numpy"}
    assert meta["model"]["config"]["hidden_size"] == SIZES["hidden_size"]
    assert len(meta["id"]) == 16 and set(meta["id"]) <= set("0123456789abcdef")
    assert meta["n_tokens"] == sum(
        len(ids) for ids in load_model(tiny_folder).tokenizer(list(texts.texts))["input_ids"]
    )


def test_the_table_has_these_columns_and_a_row_a_neuron(tiny_analysis: Analysis) -> None:
    table = tiny_analysis.importance
    assert set(table.columns) == {"layer", "component", "neuron", "head", "n_tokens", *BASE_COLUMNS, *stored_criteria()}
    assert {"r_f", "mean", "std", "min", "max", "mean_cls", "std_cls", "mean_all", "std_all"} == set(BASE_COLUMNS)
    assert {"total_persistence", "range", "magnitude"} <= set(stored_criteria())
    assert "random" not in table.columns
    assert len(table) == 4 * (5 * 24 + 40)
    assert table.groupby(["layer", "component"], sort=False).size().index.tolist() == CELLS
    assert all(table[name].dtype == np.float64 for name in (*BASE_COLUMNS, *stored_criteria()))
    assert (table["n_tokens"] == tiny_analysis.meta["n_tokens"]).all()
    for (_, component), cell in table.groupby(["layer", "component"]):
        assert cell["neuron"].tolist() == list(range(len(cell)))
        heads = [neuron // 8 if component in HEADED else None for neuron in range(len(cell))]
        assert [None if pd.isna(head) else int(head) for head in cell["head"]] == heads


@pytest.mark.parametrize(("layer", "component"), [(1, "query"), (2, "intermediate"), (4, "output"), (3, "key")])
def test_importance_is_what_the_stored_activations_say(layer: int, component: str, tiny_analysis: Analysis) -> None:
    outputs = load_file(tiny_analysis.folder / "activations.safetensors")[f"layer.{layer}.{component}"]
    cell = tiny_analysis.cell(layer, component)
    assert outputs.shape == (20, tiny_analysis.shape.width(component))
    assert outputs.tolist() == tiny_analysis.outputs(layer, component).tolist()
    mean, std = two_pass(outputs)
    assert cell["mean"] == pytest.approx(mean, rel=1e-12)
    assert cell["std"] == pytest.approx(std, rel=1e-9, abs=1e-12)
    assert cell["min"].tolist() == outputs.min(0).tolist()
    assert cell["max"].tolist() == outputs.max(0).tolist()
    assert cell["range"].tolist() == (outputs.max(0).astype(np.float64) - outputs.min(0)).tolist()
    assert cell["mean_cls"] == pytest.approx(mean, rel=1e-9, abs=1e-12)
    assert cell["std_cls"] == pytest.approx(std, rel=1e-6, abs=1e-9)
    for neuron in range(0, outputs.shape[1], 5):
        assert cell["r_f"][neuron] == sweep_r_f(tiny_analysis.neuron(layer, component, neuron).astype(np.float64))
    weight = load_model(tiny_analysis.meta["model"]["spec"]).base.state_dict()[
        tiny_analysis.family.linear(layer, component) + ".weight"
    ]
    assert cell["magnitude"] == pytest.approx(weight.double().norm(dim=1).numpy(), rel=1e-6)


def test_scores_and_cells_are_found_by_name(tiny_analysis: Analysis) -> None:
    assert tiny_analysis.scores(3, "key", "std").tolist() == tiny_analysis.cell(3, "key")["std"].tolist()
    assert tiny_analysis.scores(3, "key", "random", seed=5).tolist() == random_scores(5, 3, "key", 24).tolist()
    with pytest.raises(UnknownName, match="Unknown criterion 'sdt'"):
        tiny_analysis.scores(3, "key", "sdt")
    with pytest.raises(UnknownName, match="Unknown component 'keys'"):
        tiny_analysis.cell(3, "keys")
    for layer in (0, 5):
        with pytest.raises(AnalysisError, match=f"Layer {layer} is out of range; this model has layers 1–4."):
            tiny_analysis.cell(layer, "key")
    for neuron in (-1, 24):
        with pytest.raises(AnalysisError, match=f"Layer 3 key has neurons 0–23; {neuron} is out of range."):
            tiny_analysis.neuron(3, "key", neuron)


@pytest.mark.parametrize("name", ["tiny_analysis", "demo_analysis"])
def test_the_first_layer_is_degenerate_on_cls_and_no_other_is(name: str, request: pytest.FixtureRequest) -> None:
    analysis: Analysis = request.getfixturevalue(name)
    flat = [
        (layer, c) for layer in range(1, analysis.shape.layers + 1) for c in COMPONENTS if analysis.degenerate(layer, c)
    ]
    assert flat == [(1, "query"), (1, "key"), (1, "value")]
    assert not any(analysis.degenerate(1, component, "std_all") for component in HEADED)
    assert [row for row in CRITERIA if analysis.degenerate(1, "query", row)] == [
        "r_f",
        "std",
        "range",
        "total_persistence",
    ]
    assert float(analysis.cell(1, "value")["r_f"].max()) < 1e-5


def test_the_demo_has_every_neuron_of_six_layers(demo_analysis: Analysis) -> None:
    assert len(demo_analysis.columns["r_f"]) == 6 * (5 * 384 + 1536)
    assert all(np.isfinite(values).all() for values in demo_analysis.columns.values())
    cell = demo_analysis.cell(4, "intermediate")
    outputs = demo_analysis.outputs(4, "intermediate").astype(np.float64)
    assert cell["r_f"].tolist() == (np.diff(np.sort(outputs, axis=0), axis=0).max(axis=0) / 2).tolist()
    assert (outputs.min(), outputs.max() > 1.0) == (
        pytest.approx(-0.17, abs=0.001),
        True,
    )  # GELU never goes below -0.17
    assert demo_analysis.meta["model"]["name"] == "sentence-transformers/all-MiniLM-L6-v2"


def test_the_texts_are_kept_with_their_columns_and_the_held_out_ones_are_others(
    demo_analysis: Analysis, tiny_analysis: Analysis
) -> None:
    texts = demo_analysis.texts
    assert (len(texts), len(texts.heldout), texts.source) == (24, 8, "demo")
    assert texts.columns["topic"] == load_texts("demo", n=24, seed=0).columns["topic"]
    assert not set(texts.texts) & set(texts.heldout)
    assert tiny_analysis.texts == sample(20, heldout=6)


def test_reading_it_again_gives_the_same(tiny_analysis: Analysis) -> None:
    again = read_analysis(tiny_analysis.folder)
    assert again.meta == tiny_analysis.meta
    assert all(np.array_equal(again.columns[name], tiny_analysis.columns[name]) for name in tiny_analysis.columns)


# --- the id


def test_the_same_inputs_are_the_same_entry_and_nothing_is_computed_again(
    tiny_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = pipeline.collect
    monkeypatch.setattr(pipeline, "collect", lambda *args, **kwargs: (calls.append(1), real(*args, **kwargs))[1])
    first = analyze(tiny_folder, sample(6, heldout=2))
    assert first.folder == cache / "analyses" / first.id
    second = analyze(tiny_folder, sample(6, heldout=2), batch_size=2)
    assert (second.id, len(calls)) == (first.id, 1)
    assert read_analysis(first.id).id == read_analysis(first.id[:6]).id == first.id
    assert [found.id for found in list_analyses()] == [first.id]


def test_every_input_that_changes_a_number_changes_the_id(tiny_folder: Path, tmp_path: Path) -> None:
    def the_id(model: Path = tiny_folder, texts: Any = None, **options: Any) -> str:
        return analyze(model, texts or sample(4, heldout=2), **options).id

    other = copy_folder(tiny_folder, tmp_path / "other")
    edit_tensors(other, lambda state: state["pooler.dense.bias"].add_(1.0))
    moved = copy_folder(tiny_folder, tmp_path / "moved")
    base = the_id()
    different = [
        the_id(other),
        the_id(texts=sample(5, heldout=2)),
        the_id(texts=sample(4, heldout=1)),
        the_id(texts=sample(4, heldout=2, seed=1)),
        the_id(max_length=8),
        the_id(tokens="mean"),
        the_id(tap="block"),
        the_id(dtype="bfloat16"),
    ]
    assert len({base, *different}) == 9
    assert the_id(moved) == base


def test_an_incomplete_entry_is_computed_again(tiny_folder: Path) -> None:
    first = analyze(tiny_folder, sample(4, heldout=2))
    (first.folder / "MANIFEST.json").unlink()
    with pytest.raises(AnalysisError, match="No analysis at"):
        read_analysis(first.id)
    with pytest.raises(AnalysisError, match=r"is incomplete \(it has no manifest\). Run obce analyze again."):
        read_analysis(first.folder)
    assert analyze(tiny_folder, sample(4, heldout=2)).id == first.id
    assert manifest_faults(first.folder) == []


# --- options


@pytest.mark.parametrize(
    ("tokens", "tap"), [("mean", "neuron"), ("all", "neuron"), ("cls", "linear"), ("cls", "block")]
)
def test_the_cloud_follows_the_options_and_the_constants_do_not(
    tokens: Any, tap: Any, tiny_folder: Path, tiny_analysis: Analysis, tmp_path: Path
) -> None:
    found = analyze(tiny_folder, sample(20, heldout=6), tokens=tokens, tap=tap, batch_size=8, out=tmp_path / "out")
    assert (found.meta["tokens"], found.meta["tap"]) == (tokens, tap)
    assert found.meta["rows"] == (found.meta["n_tokens"] if tokens == "all" else 20)
    for layer, component in CELLS:
        one, two = found.cell(layer, component), tiny_analysis.cell(layer, component)
        for name in ("mean_cls", "std_cls", "mean_all", "std_all"):
            assert one[name] == pytest.approx(two[name], rel=1e-5, abs=1e-6)
        outputs = found.outputs(layer, component)
        assert outputs.shape == (found.meta["rows"], found.shape.width(component))
        assert one["mean"] == pytest.approx(outputs.mean(0, dtype=np.float64), rel=1e-9, abs=1e-12)
    if tokens == "all":
        assert found.cell(2, "value")["mean"] == pytest.approx(found.cell(2, "value")["mean_all"], abs=1e-5)


def test_texts_that_were_cut_are_counted(tiny_folder: Path, tmp_path: Path) -> None:
    texts = Texts(texts=("a b", "a b c d e f g h i j", "k " * 40), source="test", available=3)
    assert analyze(tiny_folder, texts, max_length=6, out=tmp_path / "out").meta["texts"]["truncated"] == 2


def test_a_file_of_texts_is_read_and_the_rest_is_held_out(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(sentences(30, seed=8)))
    found = analyze(tiny_folder, tmp_path / "texts.txt", n_texts=10, seed=3, out=tmp_path / "out")
    texts = found.texts
    assert (len(texts), len(texts.heldout), texts.seed) == (10, 20, 3)
    assert set(texts.texts) | set(texts.heldout) == set(sentences(30, seed=8))
    assert str(tmp_path) not in json.dumps(found.meta["texts"])


def test_progress_reaches_the_total_and_a_cancelled_analysis_leaves_nothing(tiny_folder: Path, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    with pytest.raises(Cancelled):
        analyze(
            tiny_folder,
            sample(6),
            batch_size=2,
            progress=lambda a, b: told.append((a, b)),
            cancelled=lambda: len(told) == 2,
        )
    assert len(told) == 2 and 0 < told[0][0] < told[1][0] < told[1][1] == 6
    assert list((cache / "analyses").iterdir()) == []
    analyze(tiny_folder, sample(6), batch_size=4, progress=lambda a, b: told.append((a, b)))
    assert told[-1] == (6, 6)


# --- refusals


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"tokens": "sep"}, UnknownName, "Unknown value of --tokens 'sep'; known: cls, mean, all"),
        ({"tap": "head"}, UnknownName, "Unknown value of --tap 'head'; known: neuron, linear, block"),
        ({"max_length": 131}, BadInput, "--max-length is 131; this model allows 3–130."),
        ({"max_length": 2}, BadInput, "--max-length is 2; this model allows 3–130."),
        ({"batch_size": 0}, BadInput, "--batch-size is 0; it must be at least 1."),
        ({"device": "cuda:77"}, BadInput, "Device 'cuda:77' does not exist"),
        ({"dtype": "int8"}, BadInput, "Unknown dtype 'int8'"),
        ({"n_texts": 1}, TextsError, "the number of texts must be a whole number of at least 2, got 1"),
        ({"seed": -1}, TextsError, "the seed must be a whole number"),
        ({"model": "./no/model"}, ModelError, "No model folder at './no/model'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_and_leaves_nothing(
    options: dict[str, Any], kind: type, message: str, tiny_folder: Path, cache: Path
) -> None:
    given = {"model": tiny_folder, "texts": "demo", "n_texts": 4} | options
    with pytest.raises(kind) as caught:
        analyze(**given)
    assert str(caught.value).startswith(message)
    assert not (cache / "analyses").exists() or list((cache / "analyses").iterdir()) == []


def test_fewer_than_two_different_texts_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    one = Texts(texts=("alone",), source="test", available=1)
    with pytest.raises(TextsError, match=r"An analysis needs at least 2 different texts; got 1."):
        analyze(tiny_folder, one)
    (tmp_path / "same.txt").write_text("the same\n" * 150)
    with pytest.raises(TextsError, match="needs at least 2 different texts; got 1 distinct of 150"):
        analyze(tiny_folder, tmp_path / "same.txt")


def test_weights_that_are_not_finite_are_refused(tiny_folder: Path, tmp_path: Path, cache: Path) -> None:
    broken = copy_folder(tiny_folder, tmp_path / "broken")
    edit_tensors(broken, lambda state: state["encoder.layer.1.intermediate.dense.weight"].fill_(float("nan")))
    with pytest.raises(NotFinite, match=r"1 tensor contains NaN or inf .*encoder.layer.1.intermediate.dense.weight"):
        analyze(broken, sample(4))
    assert not (cache / "analyses").exists()


def test_outputs_that_overflow_are_refused_with_their_place_and_leave_nothing(
    tiny_folder: Path, tmp_path: Path
) -> None:
    broken = copy_folder(tiny_folder, tmp_path / "broken")
    edit_tensors(broken, lambda state: state["encoder.layer.2.attention.output.dense.bias"][:3].fill_(3e38))
    edit_tensors(broken, lambda state: state["encoder.layer.2.attention.output.dense.weight"][:3].fill_(3e38))
    with pytest.raises(NotFinite, match=r"^Layer 3 attention_output: 3 neurons gave NaN or inf."):
        analyze(broken, sample(4), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_out_folder_of_somebody_else_is_left_alone_before_any_work(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years")
    monkeypatch.setattr(pipeline, "check_model", lambda *_, **__: pytest.fail("no work before this check"))
    for overwrite, message in ((False, "already exists"), (True, "was not written by obce")):
        with pytest.raises(PathError, match=message):
            analyze(tiny_folder, sample(4), out=theirs, overwrite=overwrite)
    assert (theirs / "thesis.txt").read_text() == "years"


def test_an_out_folder_of_ours_is_replaced_when_asked(tiny_folder: Path, tmp_path: Path) -> None:
    first = analyze(tiny_folder, sample(4), out=tmp_path / "out")
    with pytest.raises(PathError, match="already exists"):
        analyze(tiny_folder, sample(5), out=tmp_path / "out")
    assert read_analysis(tmp_path / "out").id == first.id
    assert analyze(tiny_folder, sample(5), out=tmp_path / "out", overwrite=True).meta["texts"]["n"] == 5


# --- damaged folders


def no_meta(folder: Path) -> None:
    (folder / "analysis.json").unlink()


def other_format(folder: Path) -> None:
    path = folder / "analysis.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": "obce-analysis/9"}))


def cut_table(folder: Path) -> None:
    path = folder / "importance.parquet"
    path.write_bytes(path.read_bytes()[:-50])


DAMAGE = [
    (no_meta, r"is not an analysis \(analysis.json is missing or unreadable\)"),
    (lambda folder: (folder / "analysis.json").write_text("{"), "is not an analysis"),
    (lambda folder: (folder / "analysis.json").write_text("[]"), "is not an analysis"),
    (other_format, "has format 'obce-analysis/9'; this version reads obce-analysis/1. Update obce, or analyse again."),
    (cut_table, "importance.parquet cannot be read: .* Run obce analyze again."),
    (lambda folder: (folder / "importance.parquet").unlink(), "importance.parquet cannot be read"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_analysis_is_told_in_one_line(
    damage: Any, message: str, tiny_analysis: Analysis, cache: Path
) -> None:
    folder = cache / "analyses" / tiny_analysis.id
    shutil.copytree(tiny_analysis.folder, folder)
    damage(folder)
    with pytest.raises(AnalysisError, match=message) as caught:
        read_analysis(folder)
    assert "\n" not in str(caught.value)
    assert list_analyses() == []


@pytest.mark.parametrize(
    "name", ["", "abc", "0123456789abcdef", "../analyses", "a/b", "~nobody-of-this-name/x", "x" * 5000]
)
def test_an_analysis_that_is_not_there_is_told(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "analyses").mkdir(parents=True)
    monkeypatch.chdir(cache)
    with pytest.raises(AnalysisError, match=r"^No analysis at"):
        read_analysis(name)
    assert list_analyses() == []


def test_an_analysis_in_memory_has_no_files() -> None:
    from tiny import memory_analysis

    analysis = memory_analysis(2, 8, 2, 8)
    for read in (lambda: analysis.outputs(1, "query"), lambda: analysis.texts, lambda: analysis.importance):
        with pytest.raises(AnalysisError, match="This analysis lives in memory only"):
            read()
