"""`--table`: what is stored, by layer and component, of a plan and of a model's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shell import run
from tiny import copy_folder, memory_analysis

from obce_core.cli.size_table import show_size_table
from obce_core.formatting import share
from obce_core.plan import make_plan, plan_size_table


@pytest.fixture
def plan(tiny_analysis: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "plan.json"
    assert run(capsys, "plan", "--analysis", tiny_analysis.folder, "--percentile", 50, "--out", path).code == 0
    return path


def test_a_plan_is_shown_as_a_table(plan: Path, tiny_analysis: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made = plan_size_table(tiny_analysis, make_plan(tiny_analysis, percentile=50), length=16)
    answer = run(capsys, "plan", "show", plan, "--analysis", tiny_analysis.folder, "--table", "--length", 16)
    assert answer.code == 0, answer.err
    lines = [line.split() for line in answer.out.splitlines()]
    entry = next(e for e in made.entries if (e.layer, e.component) == (3, "key"))
    numbers = (entry.neurons, entry.kept, entry.rows, entry.extra, entry.parameters, entry.parameters_left)
    assert ["3", "key", *(f"{n:,}" for n in numbers)] in lines
    assert entry.rows != entry.kept
    assert len([line for line in lines if line[:1] in (["1"], ["2"], ["3"], ["4"])]) == 4 * 6
    assert ["FLOPs", "of", "the", "layers,", "16", "tokens", f"{made.flops:,}", f"{made.flops_left:,}"] in [
        line[:8] for line in lines
    ]
    assert share(made.readings.encoder_only, 2) in answer.out and "encoder after / nominal size" in answer.out
    assert "The paper claims" not in answer.out
    as_json = run(
        capsys, "plan", "show", plan, "--analysis", tiny_analysis.folder, "--table", "--length", 16, "--json"
    ).data
    assert as_json["table"]["entries"][13]["parameters_left"] == entry.parameters_left
    assert as_json["flops_left"] == as_json["table"]["flops_left"] == made.flops_left
    assert "table" not in run(capsys, "plan", "show", plan, "--analysis", tiny_analysis.folder, "--json").data


def test_a_cut_model_and_a_stock_one_are_shown_from_their_files(
    tiny_cut: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, whole in ((tiny_cut, False), (tiny_folder, True)):
        table = run(capsys, "info", folder, "--table", "--json").data["table"]
        total = table["scopes"][0]
        assert (total["parameters"] == total["parameters_left"]) is whole
        assert total["bytes_left"] == (folder / "model.safetensors").stat().st_size
        answer = run(capsys, "info", folder, "--table")
        assert answer.code == 0 and f"{total['parameters_left']:,}" in answer.out


def test_without_its_plan_the_kept_neurons_are_a_dash(
    tiny_cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_folder(tiny_cut, tmp_path / "bare")
    (folder / "pruning_plan.json").unlink()
    lines = [line.split() for line in run(capsys, "info", folder, "--table").out.splitlines()]
    assert next(line for line in lines if line[:2] == ["2", "query"])[2:4] == ["24", "-"]
    assert ["by", "the", "paper's", "convention", "-", "-", "-", "-"] in lines


def test_the_papers_claim_is_printed_beside_its_convention(capsys: pytest.CaptureFixture[str]) -> None:
    analysis = memory_analysis(12, 768, 12, 3072, vocab=28_996, positions=512)
    show_size_table(plan_size_table(analysis, make_plan(analysis, preset="paper-bert-base")))
    out = capsys.readouterr().out
    assert "encoder after / 110M" in out
    assert "by the paper's convention 76,672,051 70.79 % 62.80 % 48.56 %" in [
        " ".join(line.split()) for line in out.splitlines()
    ]
    assert "The paper claims 58.47 % of BERT Base (110M to 64M)" in out


@pytest.mark.parametrize("length", ["0", "-1", "1000001", "x"])
def test_an_impossible_length_is_refused_in_one_line(
    length: str, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = run(capsys, "info", tiny_folder, "--table", "--length", length)
    assert answer.code == 2 and "--length" in answer.line
