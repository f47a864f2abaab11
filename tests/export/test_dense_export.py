"""A cut model in the stock shapes: stock transformers give the same function, and the way back is exact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from shell import run
from tiny import copy_folder, edit_tensors, sentences

from obce_core import compress
from obce_core.analysis.analysis import Analysis
from obce_core.compression.checkpoint import Loaded, load, load_checked
from obce_core.compression.fidelity import largest_difference
from obce_core.errors import BadInput, Mismatch
from obce_core.export import dense
from obce_core.export.dense import export_dense
from obce_core.models import ModelReport
from obce_core.models.batching import encode
from obce_core.plan import make_plan


@pytest.mark.parametrize("method", ["mean+std", "zero", "least-squares"])
def test_stock_transformers_give_the_same_function(method: str, tiny_analysis: Analysis, tmp_path: Path) -> None:
    plan = make_plan(tiny_analysis, percentile=50, first_layer=2, compensation=method)
    compress(tiny_analysis, plan, tmp_path / "cut", device="cpu")
    done = export_dense(tmp_path / "cut", tmp_path / "dense")
    assert 0.0 <= done["difference"] <= 1e-5
    config = json.loads((tmp_path / "dense" / "config.json").read_text())
    assert config["model_type"] == "bert" and "widths" not in config and "auto_map" not in config
    stock = transformers.BertModel.from_pretrained(tmp_path / "dense").eval()
    assert type(stock) is transformers.BertModel
    cut, tokenizer = load(tmp_path / "cut", device="cpu")
    assert largest_difference(cut, stock, encode(tokenizer, sentences(9, seed=2))) <= 1e-5
    assert {name: tensor.shape for name, tensor in stock.state_dict().items()} == {
        name: tensor.shape for name, tensor in transformers.BertModel(stock.config).state_dict().items()
    }
    query = stock.encoder.layer[1].attention.self.query
    fixed = (query.weight == 0).all(dim=1) & (query.bias == 1)
    assert int(fixed.sum()) == sum(cut.config.widths[1]["extra"])


def test_another_function_is_not_written(tiny_cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(report: ModelReport, device: str) -> Loaded:
        model = load_checked(report, device=device)
        with torch.no_grad():
            model.model.encoder.layer[1].output.dense.bias[0] += 0.5  # not all alike: LayerNorm would not see that
        return model

    monkeypatch.setattr(dense, "load_checked", wrong)
    with pytest.raises(Mismatch, match=r"^The stock shapes give other outputs"):
        export_dense(tiny_cut, tmp_path / "dense")
    assert not (tmp_path / "dense").exists()


def test_a_head_that_is_missing_is_said(tiny_cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "cut")
    edit_tensors(folder, lambda state: [state.pop(f"pooler.dense.{part}") for part in ("weight", "bias")])
    assert (
        "model.safetensors lacks pooler.*, and so does the export"
        in run(capsys, "export", folder, "--dense", tmp_path / "out").out
    )
    assert "lacks pooler.*" in json.loads((tmp_path / "out" / "export.json").read_text())["notes"][0]
    assert export_dense(tiny_cut, tmp_path / "whole")["notes"] == []


def test_a_model_that_was_never_cut_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is in the stock shapes already"):
        export_dense(tiny_folder, tmp_path / "dense")


def test_the_shell_writes_it_and_refuses_what_does_not_fit(
    tiny_cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "export", tiny_cut, "--dense", tmp_path / "dense", "--json")
    assert done.code == 0 and done.data["difference"] <= 1e-5 and (tmp_path / "dense" / "model.safetensors").is_file()
    for options, words in (
        ((), "No form to export to was named"),
        (("--dense", tmp_path / "a", "--onnx", tmp_path / "b"), "Two forms were named"),
        (("--dense", tmp_path / "a", "--int8"), "--int8 and --revision go with --onnx"),
        (("--dense", tmp_path / "dense"), "already exists"),
    ):
        answer = run(capsys, "export", tiny_cut, *options)
        assert answer.code == 2 and words in answer.err
