"""The main path by command line: analyze, plan, compress, load; and what its answers hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from shell import run

import obce_core
from obce_core.analysis.analysis import Analysis
from obce_core.cli import main

COMMANDS = ("analyze", "info", "plan", "compress", "verify", "export", "cache", "app")


def test_a_model_goes_from_analysis_to_a_folder_that_loads(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    texts = tmp_path / "texts.txt"
    firsts, seconds = ["able", "acid", "baby", "back", "cake"], ["dark", "dawn", "each", "edge", "face"]
    texts.write_text("\n".join(f"{a} {b}" for a in firsts for b in seconds))
    analyzed = run(capsys, "analyze", "--model", tiny_folder, "--texts", texts, "--n-texts", 20, "--json")
    assert analyzed.code == 0, analyzed.err
    key = analyzed.data["analysis"]
    assert analyzed.data["texts"]["n"] == 20 and analyzed.data["all_equal"] == ["1 query", "1 key", "1 value"]
    plan = tmp_path / "plan.json"
    planned = run(capsys, "plan", "--analysis", key, "--percentile", 50, "--first-layer", 2, "--out", plan, "--json")
    assert planned.code == 0, planned.err
    assert 0 < planned.data["encoder_share"] < 1
    out = tmp_path / "model"
    cut = run(capsys, "compress", "--analysis", key, "--plan", plan, "--out", out, "--json")
    assert cut.code == 0, cut.err
    assert cut.data["difference"] <= 1e-5
    assert cut.data["fidelity"]["texts"] == 5
    model, tokenizer = obce_core.load(out)
    with torch.inference_mode():
        assert model(**tokenizer("able dark", return_tensors="pt")).last_hidden_state.isfinite().all()
    assert cut.data["budget"]["bytes_left"] == (out / "model.safetensors").stat().st_size


def test_least_squares_by_command_line_takes_all_tokens(
    tiny_analysis: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_analysis.folder)
    way = ("plan", "--analysis", folder, "--percentile", 50, "--compensation", "least-squares", "--out")
    assert run(capsys, *way, tmp_path / "plan.json").code == 0
    assert json.loads((tmp_path / "plan.json").read_text())["intent"]["compensation"] == {
        "method": "least-squares",
        "tokens": "all",
    }
    cut = run(
        capsys,
        "compress",
        "--analysis",
        folder,
        "--plan",
        tmp_path / "plan.json",
        "--out",
        tmp_path / "model",
        "--json",
    )
    assert cut.code == 0, cut.err
    assert cut.data["difference"] <= 1e-5
    refused = run(capsys, *way, tmp_path / "cls.json", "--compensation-tokens", "cls")
    assert refused.code == 2 and "overfits" in refused.err and "Traceback" not in refused.err
    assert not (tmp_path / "cls.json").exists()


def test_the_shell_and_python_give_the_same_analysis(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("able acid\nbaby back\ncake calm\ndark dawn\n")
    by_shell = run(capsys, "analyze", "--model", tiny_folder, "--texts", texts, "--n-texts", 3, "--json").data[
        "analysis"
    ]
    by_python = obce_core.analyze(tiny_folder, texts, n_texts=3, out=tmp_path / "own")
    assert by_python.id == by_shell
    assert np.array_equal(by_python.columns["r_f"], obce_core.read_analysis(by_shell).columns["r_f"])


def test_plan_show_and_diff_count_neurons(
    tiny_analysis: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_analysis.folder)
    for percentile in (30, 70):
        assert (
            run(
                capsys,
                "plan",
                "--analysis",
                folder,
                "--percentile",
                percentile,
                "--out",
                tmp_path / f"{percentile}.json",
            ).code
            == 0
        )
    shown = run(capsys, "plan", "show", tmp_path / "30.json", "--analysis", folder)
    assert shown.code == 0 and "layer  3" in shown.out and "layer  1  whole" in shown.out
    differ = run(capsys, "plan", "diff", tmp_path / "30.json", tmp_path / "70.json", "--analysis", folder, "--json")
    assert differ.data["cells"]["layer 3 query"]["only_first_cuts"] == 0
    assert differ.data["cells"]["layer 3 query"]["only_second_cuts"] > 0


def test_a_plan_for_hardware_is_made_shown_and_refused(
    tiny_analysis: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, path = str(tiny_analysis.folder), tmp_path / "plan.json"
    made = run(capsys, "plan", "--analysis", folder, "--percentile", 50, "--round-to", 8, "--per-head", "--out", path)
    assert made.code == 0, made.err
    assert json.loads(path.read_text())["intent"]["hardware"] == {"round_to": 8, "per_head": True}
    shown = run(capsys, "plan", "show", path, "--analysis", folder)
    assert shown.code == 0 and "widths are multiples of 8, the heads of a layer are equally wide" in shown.out
    assert "hardware" not in run(capsys, "plan", "--analysis", folder, "--percentile", 50).out
    for value in ("12", "1", "-8", "x"):
        answer = run(capsys, "plan", "--analysis", folder, "--percentile", 50, f"--round-to={value}")
        assert answer.code == 2 and "round" in answer.line and value in answer.line


def test_info_describes_a_model_without_running_it(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, "info", tiny_folder, "--json").data
    assert told["layers"] == 4 and told["heads"] == 3 and told["can_be_cut"] is True


def test_info_describes_a_cut_model_too(tiny_cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = run(capsys, "info", tiny_cut, "--json").data
    assert told["layers"] == 4 and told["can_be_cut"] is True
    assert 0 < told["neurons"] < 4 * (5 * 24 + 40)
    assert "yes, again (Query, Key, Value, Intermediate)" in run(capsys, "info", tiny_cut).out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, command, "--help")
    assert answer.code == 0 and "Usage" in answer.out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "--version")
    assert answer.code == 0 and answer.out == f"obce {obce_core.__version__}\n"


def test_a_long_command_leaves_a_run(
    tiny_folder: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("able acid\nbaby back\ncake calm\n")
    run(capsys, "analyze", "--model", tiny_folder, "--texts", texts, "--n-texts", 3)
    (folder,) = (cache / "runs").iterdir()
    assert json.loads((folder / "status.json").read_text())["state"] == "done"
    assert json.loads((folder / "spec.json").read_text())["options"]["n_texts"] == 3


def test_ctrl_c_cancels_and_leaves_nothing_half_done(
    tiny_folder: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("obce_core.analysis.analyze.collect", interrupted)
    texts = tmp_path / "texts.txt"
    texts.write_text("able acid\nbaby back\ncake calm\n")
    answer = run(capsys, "analyze", "--model", tiny_folder, "--texts", texts, "--n-texts", 3)
    assert answer.code == 130 and "Cancelled" in answer.line
    (folder,) = (cache / "runs").iterdir()
    assert json.loads((folder / "status.json").read_text())["state"] == "cancelled"
    assert not (cache / "analyses").exists() or not any((cache / "analyses").iterdir())


def test_a_bug_of_ours_is_one_line_and_a_file(
    tiny_folder: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("obce_core.models.check_model", broken)
    answer = run(capsys, "info", tiny_folder)
    assert answer.code == 1 and "Internal error (RuntimeError: boom)" in answer.line
    assert "Traceback" not in answer.err and "boom" in (cache / "last-error.txt").read_text()


def test_windows_is_refused_in_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert main(["--version"]) == 2
    assert "WSL" in capsys.readouterr().err


def test_what_comes_next_is_a_command_that_runs(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex

    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(f"{word} cake" for word in ("able", "acid", "baby", "back", "dark", "dawn")))
    for out in ([], ["--out", tmp_path / "my analysis"]):
        done = run(capsys, "analyze", "--model", tiny_folder, "--texts", texts, "--n-texts", 4, *out)
        command = next(line for line in done.out.splitlines() if line.startswith("Next: obce ")).removeprefix(
            "Next: obce "
        )
        words = shlex.split(command.replace("plan.json", str(tmp_path / f"plan-{len(out)}.json")))
        assert run(capsys, *words, "--first-layer", 2).code == 0
