"""`obce export --onnx`: the same numbers in onnxruntime, names that people know, and never a wrong file."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from shell import run
from tiny import copy_folder, edit_tensors, sample, save_tiny

from obce_core.analysis.analyze import analyze
from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.errors import BadInput, Cancelled, Mismatch
from obce_core.export import onnx as export
from obce_core.export.check import SIZES, check, feeds, outputs, session
from obce_core.plan import ManualOverride, PruneSpec, resolve
from obce_core.storage.staging import manifest_faults
from obce_core.texts import load_texts

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed: pip install 'obce[onnx]'")

INTENT = PruneSpec(
    cells={3: {"query": 30, "key": 50, "value": 70, "intermediate": 50}},
    drop=(
        ManualOverride(layer=1, component="intermediate", neurons=tuple(range(40))),
        ManualOverride(layer=2, component="query", neurons=(0, 1, 9)),
        ManualOverride(layer=2, component="value", neurons=tuple(range(8))),
        ManualOverride(layer=4, component="value", neurons=tuple(range(24))),
    ),
)


@pytest.fixture(scope="module")
def cut(tiny_analysis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compress(
        tiny_analysis, resolve(tiny_analysis, INTENT), tmp_path_factory.mktemp("cut") / "cut", device="cpu"
    ).folder


@pytest.fixture(scope="module")
def exported(cut: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx") / "out"
    export.export_onnx(cut, out, int8=True)
    return out


def compare(folder: Path, model: Any, choices: bool = False) -> float:
    """Run file and model, by hand, on shapes that the command does not try; return the largest difference of any
    output."""
    opened, worst = session(folder / "model.onnx"), 0.0
    names = [entry.name for entry in opened.get_outputs()]
    rng = np.random.default_rng(9)
    for batch, length in ((1, 3), (4, 11), (7, 130)):
        assert (batch, length) not in SIZES
        shape = (batch, 3, length) if choices else (batch, length)
        ids, kinds, mask = rng.integers(0, 71, shape), rng.integers(0, 2, shape), np.ones(shape, dtype=np.int64)
        mask[-1, ..., length // 2 :] = 0
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds}
        with torch.inference_mode():
            expected = model(**{name: torch.from_numpy(value) for name, value in feed.items()})
        found = dict(zip(names, opened.run(None, feed), strict=True))
        assert set(found) == {name for name, value in expected.items() if value is not None}
        worst = max(worst, *(float(np.abs(found[name] - expected[name].numpy()).max()) for name in found))
    return worst


def test_a_cut_model_gives_the_same_in_onnxruntime(exported: Path, cut: Path) -> None:
    model, _ = load(cut, device="cpu")
    assert compare(exported, model) < 2e-5
    facts = json.loads((exported / "export.json").read_text())
    assert facts["format"] == "obce-onnx/1" and facts["architecture"] == "ObceBertModel"
    assert facts["inputs"] == {name: ["batch", "length"] for name in ("input_ids", "attention_mask", "token_type_ids")}
    assert facts["outputs"] == {"last_hidden_state": ["batch", "length", 24], "pooler_output": ["batch", 24]}
    assert facts["difference"] <= 1e-5 < 1 < facts["largest"]
    assert facts["sizes"] == [
        list(size) for size in dict.fromkeys((batch, min(length, 130)) for batch, length in SIZES)
    ]
    assert facts["bytes"] == (exported / "model.onnx").stat().st_size
    assert facts["int8"]["bytes"] == (exported / "model_int8.onnx").stat().st_size
    assert set(facts["versions"]) >= {"onnx", "onnxscript", "onnxruntime", "torch", "obce"}


def test_the_folder_has_what_a_runtime_needs_and_nothing_of_this_machine(exported: Path, cut: Path) -> None:
    names = {path.name for path in exported.iterdir()}
    assert names == {
        "model.onnx",
        "model_int8.onnx",
        "export.json",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "MANIFEST.json",
    }
    assert manifest_faults(exported) == []
    config = json.loads((exported / "config.json").read_text())
    assert "auto_map" not in config and config["architectures"] == ["ObceBertModel"]
    assert (exported / "tokenizer.json").read_bytes() == (cut / "tokenizer.json").read_bytes()
    for path in exported.iterdir():
        raw = path.read_bytes()
        for word in (str(cut.parent), str(Path(export.__file__).parent.parent), sys.prefix, "stack_trace"):
            assert word.encode() not in raw, (path.name, word)


def test_weights_keep_their_names_and_values(exported: Path, cut: Path) -> None:
    model, _ = load(cut, device="cpu")
    graph = onnx.load(exported / "model.onnx").graph
    held = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    run_on = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
    products = [node for node in graph.node if node.op_type in {"MatMul", "Gemm"} and node.input[1] in held]
    assert len(products) >= 15
    for node in products:
        assert np.array_equal(held[node.input[1]].T, run_on[node.input[1]]) or np.array_equal(
            held[node.input[1]], run_on[node.input[1]]
        )
    large = {name for name, value in held.items() if value.dtype == np.float32 and value.size > 2}
    assert large <= set(run_on), large - set(run_on)
    assert "encoder.layer.1.attention.self.key.weight" in large and "encoder.layer.2.output.dense.bias" in large
    ones = held["encoder.layer.1.attention.self.query.bias"]
    assert (ones[model.encoder.layer[1].attention.self.query.one_slots] == 1.0).all()


def test_the_loss_of_int8_is_what_one_text_after_another_gives(exported: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(exported)
    one, other = session(exported / "model.onnx"), session(exported / "model_int8.onnx")
    told = json.loads((exported / "export.json").read_text())["int8"]
    texts = load_texts("demo", n=150, seed=0).texts
    cosines, worst = [], 0.0
    for text in texts:
        ids = np.array([tokenizer(text, truncation=True, max_length=128)["input_ids"]])
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        a, b = (opened.run(None, feed)[0].astype(np.float64).ravel() for opened in (one, other))
        cosines.append(a @ b / np.sqrt((a @ a) * (b @ b)))
        worst = max(worst, float(np.abs(a - b).max()))
    # the scale of an int8 input is that of its batch, so that alone or with others a text differs a little
    assert told["texts"] == len(texts) and 0.9 < told["cosine_lowest"] < told["cosine"] < 1
    assert told["cosine"] == pytest.approx(np.mean(cosines), abs=2e-3)
    assert told["difference"] == pytest.approx(worst, rel=0.8) and 0 < told["difference"] < told["largest"]
    graph = onnx.load(exported / "model_int8.onnx").graph
    kinds = {entry.name: entry.data_type for entry in graph.initializer}
    assert kinds["encoder.layer.3.intermediate.dense.weight_quantized"] == onnx.TensorProto.INT8
    assert not [
        entry.name
        for entry in graph.initializer
        if entry.data_type == onnx.TensorProto.FLOAT and len(entry.dims) > 1 and 0 not in entry.dims
    ]
    assert (exported / "model_int8.onnx").stat().st_size < (exported / "model.onnx").stat().st_size


# class, what its first outputs are called, fields of its config
HEADS = [
    ("BertForSequenceClassification", ["logits"], {"num_labels": 5}),
    ("BertForMaskedLM", ["logits"], {}),
    ("BertForMaskedLM", ["logits"], {"tie_word_embeddings": False}),
    ("BertForPreTraining", ["prediction_logits", "seq_relationship_logits"], {}),
    ("BertForQuestionAnswering", ["start_logits", "end_logits"], {}),
    ("BertForMultipleChoice", ["logits"], {}),
    ("BertForTokenClassification", ["logits"], {}),
]


@pytest.mark.parametrize(("name", "told", "fields"), HEADS)
def test_stock_heads_are_exported_too(name: str, told: list[str], fields: dict[str, Any], tmp_path: Path) -> None:
    save_tiny(tmp_path / "model", getattr(transformers, name), num_hidden_layers=1, **fields)
    choices = name == "BertForMultipleChoice"
    facts = export.export_onnx(tmp_path / "model", tmp_path / "out", int8=name != "BertForTokenClassification")
    assert list(facts["outputs"]) == told
    assert compare(tmp_path / "out", load(tmp_path / "model", device="cpu").model, choices) < 2e-5
    if facts["int8"]:
        assert facts["int8"]["cosine"] > 0.9
    if "MaskedLM" in name:
        graph = onnx.load(tmp_path / "out" / "model.onnx").graph
        names = {entry.name for entry in graph.initializer}
        assert "bert.embeddings.word_embeddings.weight" in names
        tied = fields.get("tie_word_embeddings", True)
        assert ("cls.predictions.decoder.weight" in names) is not tied  # one tensor is stored once
        short = {entry.name for entry in onnx.load(tmp_path / "out" / "model_int8.onnx").graph.initializer}
        assert {"cls.predictions.decoder.weight_quantized", "bert.embeddings.word_embeddings.weight_quantized"} <= short


@pytest.mark.parametrize("auto", ["BertForMaskedLM", "BertForSequenceClassification"])
def test_cut_heads_are_exported(auto: str, tmp_path: Path) -> None:
    save_tiny(tmp_path / "model", getattr(transformers, auto))
    analysis = analyze(tmp_path / "model", sample(20, heldout=2), out=tmp_path / "analysis")
    cut = compress(analysis, resolve(analysis, INTENT), tmp_path / "cut", device="cpu").folder
    assert export.export_onnx(cut, tmp_path / "out")["architecture"] == f"Obce{auto}"
    model = load(cut, device="cpu").model
    assert compare(tmp_path / "out", model) < 2e-5
    assert model.config._attn_implementation == "sdpa"


def test_the_command_writes_a_run_and_tells_what_was_checked(
    cut: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = run(capsys, "export", cut, "--onnx", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "onnxruntime = torch" in answer.out and "last_hidden_state (batch, length, 24)" in answer.out
    (folder,) = (cache / "runs").iterdir()
    assert json.loads((folder / "spec.json").read_text())["kind"] == "export-onnx"
    again = run(capsys, "export", cut, "--onnx", tmp_path / "out")
    assert again.code == 2 and "already exists" in again.line
    before = (tmp_path / "out" / "MANIFEST.json").stat().st_ino
    last = run(capsys, "export", cut, "--onnx", tmp_path / "out", "--overwrite", "--int8", "--json")
    assert last.code == 0, last.err
    assert last.data["int8"]["texts"] == 150 and last.data["folder"] == str(tmp_path / "out")
    assert (tmp_path / "out" / "MANIFEST.json").stat().st_ino != before and (
        tmp_path / "out" / "model_int8.onnx"
    ).is_file()


def damage_weight(graph: Any) -> None:
    entry = next(entry for entry in graph.initializer if entry.name == "encoder.layer.2.output.dense.bias")
    value = onnx.numpy_helper.to_array(entry).copy()
    value[5] += 0.01
    entry.CopyFrom(onnx.numpy_helper.from_array(value, entry.name))


def damage_with_nan(graph: Any) -> None:
    entry = next(entry for entry in graph.initializer if entry.name == "pooler.dense.bias")
    entry.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(entry) * np.float32("nan"), entry.name))


def drop_the_mask(graph: Any) -> None:
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == "attention_mask":
                node.input[place] = "all_ones"
    graph.node.insert(0, onnx.helper.make_node("Where", ["is_token", "attention_mask", "one"], ["all_ones"]))
    graph.node.insert(0, onnx.helper.make_node("Cast", ["attention_mask"], ["is_token"], to=onnx.TensorProto.BOOL))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(1), "one"))


def rename_an_output(graph: Any) -> None:
    graph.node.append(onnx.helper.make_node("Identity", [graph.output[1].name], ["other"]))
    graph.output[1].name = "other"


FAULTS = [
    (damage_weight, "differs from the model by"),
    (damage_with_nan, "differs from the model by nan"),
    (drop_the_mask, "differs from the model by"),
    (rename_an_output, "The exported file gives last_hidden_state .*, other"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_a_wrong_file_is_never_left(
    fault: Any, message: str, exported: Path, cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = onnx.load(exported / "model.onnx")
    fault(proto.graph)
    monkeypatch.setattr("obce_core.export.trace.trace", lambda model: proto)
    mine = copy_folder(exported, tmp_path / "mine")
    before = {path.name: path.read_bytes() for path in mine.iterdir()}
    for target, overwrite in ((tmp_path / "new", False), (mine, True)):
        with pytest.raises(Mismatch, match=message):
            export.export_onnx(cut, target, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "obce-cache") == ["mine"]


def test_the_check_sees_a_difference_that_only_padding_or_length_shows(exported: Path, cut: Path) -> None:
    model, _ = load(cut, device="cpu")
    tried = feeds(model)
    masks = [feed["attention_mask"] for feed in tried]
    assert any((mask[:, 0] == 0).any() for mask in masks) and any(
        (mask.sum(1) == 1).any() for mask in masks if mask.shape[1] > 2
    )
    assert all((mask.sum(-1) >= 1).all() for mask in masks)
    assert {mask.shape for mask in masks} == {(batch, min(length, 130)) for batch, length in SIZES}
    assert check(model, exported / "model.onnx").difference == pytest.approx(
        max(
            float(np.abs(value - found).max())
            for feed in tried
            for value, found in zip(
                outputs(model, feed).values(), session(exported / "model.onnx").run(None, feed), strict=True
            )
        )
    )


def test_an_extra_that_is_missing_is_named_in_one_line(
    cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name.startswith("onnx") else find(name, *more)
    )
    answer = run(capsys, "export", cut, "--onnx", tmp_path / "out")
    assert answer.code == 2
    assert answer.line == (
        "obce: Exporting to ONNX needs onnx, onnxscript, onnxruntime, which are not installed. pip install 'obce[onnx]'"
    )
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_one_line(cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("years of work")
    cases = [
        ((cut,), "No form to export to was named. Give --onnx OUT or --dense OUT."),
        (
            (cut, "--onnx", tmp_path / "a.onnx"),
            "a.onnx: the export is a folder that holds model.onnx. Name a folder, without .onnx.",
        ),
        ((tmp_path / "none", "--onnx", tmp_path / "out"), "No model folder at"),
        ((cut, "--onnx", tmp_path / "theirs"), "theirs already exists."),
        ((cut, "--onnx", tmp_path / "theirs", "--overwrite"), "was not written by obce"),
    ]
    for arguments, message in cases:
        answer = run(capsys, "export", *arguments)
        assert answer.code == 2 and message in answer.line, answer.err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "obce-cache") == ["theirs"]


def test_a_model_beyond_the_limit_of_a_file_is_refused(
    cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_LARGEST", 1000)
    with pytest.raises(BadInput, match=r"cut has 0.0 GB of weights; one ONNX file holds 2 GB."):
        export.export_onnx(cut, tmp_path / "out")


@pytest.mark.parametrize("after", range(4))
def test_a_cancelled_export_leaves_nothing(
    after: int, exported: Path, cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obce_core.export.trace.trace", lambda model: onnx.load(exported / "model.onnx"))
    asked = iter([False] * after + [True] * 99)
    with pytest.raises(Cancelled):
        export.export_onnx(cut, tmp_path / "out", cancelled=lambda: next(asked))
    assert [path.name for path in tmp_path.iterdir() if path.name != "obce-cache"] == []


def test_no_code_of_the_folder_is_run(
    exported: Path, cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, mark = copy_folder(cut, tmp_path / "evil"), tmp_path / "PWNED"
    (folder / "modeling_obce.py").write_text(f"open({str(mark)!r}, 'w')\n")
    monkeypatch.setattr("obce_core.export.trace.trace", lambda model: onnx.load(exported / "model.onnx"))
    export.export_onnx(folder, tmp_path / "out")
    assert not mark.exists() and not (tmp_path / "out" / "modeling_obce.py").exists()


@pytest.mark.parametrize("name", ["BertForMaskedLM", "BertForSequenceClassification", "BertForQuestionAnswering"])
def test_a_head_that_is_not_in_the_file_is_not_exported(
    name: str, tiny_folder: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "m", architectures=[name])
    answer = run(capsys, "export", folder, "--onnx", tmp_path / "out", "--quiet")
    assert answer.code == 2 and f"the outputs of {name} would be random" in answer.err and '["BertModel"]' in answer.err
    assert len(answer.err.strip().splitlines()) == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("was_cut", [False, True])
def test_a_pooler_that_is_not_in_the_file_is_no_output(
    was_cut: bool, tiny_folder: Path, cut: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = copy_folder(cut if was_cut else tiny_folder, tmp_path / "m")
    edit_tensors(folder, lambda state: [state.pop(f"pooler.dense.{part}") for part in ("weight", "bias")])
    answer = run(capsys, "export", folder, "--onnx", tmp_path / "out")
    assert answer.code == 0 and "Note: model.safetensors lacks pooler.*: the export has no pooler_output." in answer.out
    facts = json.loads((tmp_path / "out" / "export.json").read_text())
    assert list(facts["outputs"]) == ["last_hidden_state"] and "lacks pooler.*" in facts["notes"][0]
    assert [entry.name for entry in session(tmp_path / "out" / "model.onnx").get_outputs()] == ["last_hidden_state"]


def test_the_labels_of_a_classifier_go_along_as_they_stand(tmp_path: Path) -> None:
    names = {0: "contradiction", 1: "entailment", 2: "neutral"}
    folder = save_tiny(tmp_path / "m", transformers.BertForSequenceClassification, num_hidden_layers=1, id2label=names)
    assert export.export_onnx(folder, tmp_path / "out")["notes"] == []
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == {str(at): name for at, name in names.items()}
