"""Bad input: one clear line, exit code 2, and nothing that was there before is lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from shell import Answer, run
from tiny import copy_folder, edit_tensors


def refused(answer: Answer, *fragments: str) -> None:
    """Assert one line, exit code 2, no traceback, and that the line says what matters."""
    assert answer.code == 2, (answer.code, answer.err)
    assert "Traceback" not in answer.err
    for fragment in fragments:
        assert fragment in answer.line, answer.line


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("able acid\nbaby back\ncake calm\ndark dawn\neach edge\n")
    return path


def _analyze(capsys: Any, model: object, texts: object, *more: object) -> Answer:
    return run(capsys, "analyze", "--model", str(model), "--texts", str(texts), "--n-texts", "3", *map(str, more))


def test_no_such_model_folder(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(_analyze(capsys, "./no/such/folder", texts), "no/such/folder")


def test_a_hub_id_without_network(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(
        _analyze(capsys, "google-bert/bert-base-cased", texts, "--offline"), "google-bert/bert-base-cased", "offline"
    )


def test_a_gpt(tiny_folder: Path, tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "gpt", model_type="gpt2")
    refused(_analyze(capsys, folder, texts), "gpt2", "BERT")


def test_a_folder_without_weights(
    tiny_folder: Path, tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "bare")
    (folder / "model.safetensors").unlink()
    refused(_analyze(capsys, folder, texts), "model.safetensors")


def test_truncated_weights(tiny_folder: Path, tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "half")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    refused(_analyze(capsys, folder, texts), "model.safetensors is incomplete", "Download it again")


def test_pickled_weights(tiny_folder: Path, tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "pickle")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(_analyze(capsys, folder, texts), "pickle", "save_pretrained")


@pytest.mark.parametrize(
    ("field", "value"), [("hidden_size", 10**9), ("num_hidden_layers", 10**6), ("vocab_size", 10**9)]
)
def test_a_config_that_claims_absurd_sizes(
    field: str, value: int, tiny_folder: Path, tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(_analyze(capsys, copy_folder(tiny_folder, tmp_path / "big", **{field: value}), texts), "config.json", field)


def test_nan_in_weights(tiny_folder: Path, tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "nan")

    def spoil(tensors: dict[str, Any]) -> dict[str, Any]:
        tensors["encoder.layer.1.intermediate.dense.weight"][0, 0] = float("nan")
        return tensors

    edit_tensors(folder, spoil)
    refused(_analyze(capsys, folder, texts), "NaN", "encoder.layer.1.intermediate.dense.weight")


def test_texts_that_cannot_be_used(tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases: list[tuple[str, bytes, tuple[str, ...]]] = [
        ("empty.txt", b"", ("empty.txt",)),
        ("binary.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, ("binary.txt",)),
        ("one.txt", b"able acid\n", ("1",)),
        ("same.txt", b"able acid\n" * 150, ("1",)),
        ("few.txt", b"able\nacid\n", ("2 different", "--n-texts 2")),
        ("long.txt", b"a" * 1_000_001 + b"\nable\nacid\nbaby\n", ("line 1", "1,000,001")),
        ("table.csv", b"a,b\n1,2\n3,4\n", ("table.csv",)),
    ]
    for name, raw, fragments in cases:
        path = tmp_path / name
        path.write_bytes(raw)
        refused(_analyze(capsys, tiny_folder, path), *fragments)
    (tmp_path / "table.csv").write_text("body,label\nable,1\nacid,0\nbaby,1\n")
    refused(_analyze(capsys, tiny_folder, tmp_path / "table.csv", "--column", "words"), "words", "body")


def test_more_demo_texts_than_there_are(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(run(capsys, "analyze", "--model", tiny_folder, "--texts", "demo", "--n-texts", 601), "601", "--n-texts 600")


def test_a_text_of_a_hundred_thousand_words_is_cut_and_counted(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.txt"
    path.write_text("able " * 100_000 + "\nacid\nbaby\ncake\n")
    answer = run(
        capsys, "analyze", "--model", tiny_folder, "--texts", path, "--n-texts", 4, "--heldout", "none", "--json"
    )
    assert answer.code == 0, answer.err
    assert answer.data["cut_at_max_length"] == 1


@pytest.fixture
def plan(tiny_analysis: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "plan.json"
    assert run(capsys, "plan", "--analysis", tiny_analysis.folder, "--percentile", 50, "--out", path).code == 0
    return path


PLAN_FAULTS = [
    (lambda d: d["model"].update(weights_sha256="0" * 64), ("was made for model",)),
    (lambda d: d.update(colour="red"), ("'colour'", "known:")),
    (lambda d: d["intent"].update(colour="red"), ("'colour'",)),
    (lambda d: d["intent"]["cells"].update({"9": {"query": 50}}), ("layer 9", "1–4")),
    (lambda d: d["intent"]["cells"]["3"].update(query=130), ("130", "Layer 3 query")),
    (lambda d: d["intent"]["cells"]["3"].update(query="abc"), ("abc", "Layer 3 query")),
    (lambda d: d["intent"]["cells"]["3"].update(output=50), ("locked", "output")),
    (lambda d: d["intent"]["cells"].update({"1": {"query": 50}}), ("Layer 1 query", "same value")),
    (lambda d: d["intent"]["cells"]["3"].update(pooler=50), ("pooler",)),
    (lambda d: d["intent"].update(criterion="magic"), ("magic", "r_f")),
    (lambda d: d["fact"]["kept"]["3"].update(query=[0]), ("layer 3 query", "do not follow", "--from")),
    (lambda d: d["fact"]["kept"]["3"].update(query=[[0, 999]]), ("999", "0–23")),
    (lambda d: d.update(format="obce-plan/9"), ("obce-plan/9",)),
]


@pytest.mark.parametrize(("change", "fragments"), PLAN_FAULTS)
def test_a_plan_that_cannot_be_carried_out(
    change: Any,
    fragments: tuple[str, ...],
    plan: Path,
    tiny_analysis: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(plan.read_text())
    change(document)
    plan.write_text(json.dumps(document))
    out = tmp_path / "model"
    refused(run(capsys, "compress", "--analysis", tiny_analysis.folder, "--plan", plan, "--out", out), *fragments)
    assert not out.exists()


@pytest.mark.parametrize("percentile", ["130", "0", "100", "-5", "nan", "abc"])
def test_a_percentile_out_of_range(percentile: str, tiny_analysis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    refused(run(capsys, "plan", "--analysis", tiny_analysis.folder, f"--percentile={percentile}"), percentile)


def test_a_percentile_that_removes_everything(tiny_analysis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "plan", "--analysis", tiny_analysis.folder, "--percentile", 50, "--first-layer", 1)
    refused(answer, "Layer 1 query", "--first-layer 2")


def test_an_output_folder_that_exists_stays_as_it_is(
    plan: Path, tiny_analysis: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for more in ((), ("--overwrite",)):
        refused(
            run(capsys, "compress", "--analysis", tiny_analysis.folder, "--plan", plan, "--out", out, *more), "mine"
        )
        assert (out / "thesis.tex").read_text() == "years of work" and len(list(out.iterdir())) == 1
    refused(
        run(capsys, "plan", "--analysis", tiny_analysis.folder, "--percentile", 30, "--out", plan), "already exists"
    )


def test_overwrite_replaces_our_own_work(
    plan: Path, tiny_analysis: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    for more in ((), ("--overwrite",)):
        assert (
            run(capsys, "compress", "--analysis", tiny_analysis.folder, "--plan", plan, "--out", out, *more).code == 0
        )
    assert [entry.name for entry in tmp_path.iterdir() if ".tmp-" in entry.name] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written(
    plan: Path, tiny_analysis: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refused(
        run(capsys, "compress", "--analysis", tiny_analysis.folder, "--plan", plan, "--out", closed / "model"), "closed"
    )


def test_an_output_below_a_file(plan: Path, tiny_analysis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    refused(
        run(capsys, "compress", "--analysis", tiny_analysis.folder, "--plan", plan, "--out", plan / "model"),
        "plan.json",
    )


def test_an_analysis_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(run(capsys, "plan", "--analysis", tmp_path, "--percentile", 50), "is not an analysis")
    refused(run(capsys, "plan", "--percentile", 50), "--analysis")


def test_an_analysis_cut_short(tiny_analysis: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_analysis.folder, folder)
    (folder / "importance.parquet").write_bytes((folder / "importance.parquet").read_bytes()[:200])
    refused(run(capsys, "plan", "--analysis", folder, "--percentile", 50), "importance.parquet")


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("analyze", "--n-texts", "many"), ("--n-texts",)),
        (("analyze", "--frobnicate"), ("--frobnicate",)),
        (("frobnicate",), ("frobnicate",)),
        (("analyze", "--tokens", "some"), ("some", "cls, mean, all")),
        (("analyze", "--tap", "some"), ("some", "neuron, linear, block")),
        (("analyze", "--device", "tpu"), ("tpu",)),
        (("analyze", "--dtype", "int4"), ("int4",)),
        (("analyze", "--texts", "glue:nothing"), ("nothing",)),
        (("analyze", "--n-texts", "1"), ("1",)),
        (("analyze", "--max-length", "2"), ("--max-length",)),
        (("analyze", "--max-length", "9999"), ("--max-length",)),
    ],
)
def test_an_option_that_cannot_be(
    arguments: tuple[str, ...], fragments: tuple[str, ...], tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--model", str(tiny_folder)) if arguments[0] == "analyze" else ()
    refused(run(capsys, *arguments, *more), *fragments)


def test_errors_are_json_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "info", "./no/such/folder", "--json")
    told = json.loads(answer.err)
    assert answer.code == 2 and told["error"] == "ModelError" and "no/such/folder" in told["message"]
