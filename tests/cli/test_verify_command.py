"""`obce verify`: 0 for the same function, 1 with numbers when it is not, 2 and one line for what cannot be used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from shell import run
from tiny import copy_folder, edit_config, edit_tensors, save_tiny, some_of_everything

from obce_core.analysis.analysis import Analysis
from obce_core.plan import make_plan, write_plan


@pytest.fixture
def folder(tiny_cut: Path, tmp_path: Path) -> Path:
    """Copy the cut model, to be changed."""
    return copy_folder(tiny_cut, tmp_path / "model")


def test_a_model_that_is_its_masked_original(
    folder: Path,
    tiny_folder: Path,
    tiny_analysis: Analysis,
    tmp_path: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_plan(some_of_everything(tiny_analysis), tmp_path / "plan.json")
    answer = run(
        capsys, "verify", folder, "--against", tiny_folder, "--plan", tmp_path / "plan.json", "--device", "cpu"
    )
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert len(lines) == 7
    assert lines[1].startswith("float32, random tokens  hidden states ") and "at most 1e-05" in lines[1]
    assert lines[4].startswith("float64, real texts     hidden states ") and "at most 1e-12" in lines[4]
    assert lines[5].endswith("all 75 are the ones folded again from the original")
    assert lines[6].endswith("the same function") and "NOT" not in lines[6]
    (home,) = (cache / "runs").iterdir()
    assert json.loads((home / "status.json").read_text())["state"] == "done"
    assert json.loads((home / "spec.json").read_text())["kind"] == "verify"
    assert json.loads((home / "progress.jsonl").read_text().splitlines()[-1])["done"] == 6


def test_a_model_that_is_not(folder: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_tensors(folder, lambda state: state["encoder.layer.2.output.dense.bias"][3].add_(0.01))
    answer = run(capsys, "verify", folder, "--against", tiny_folder, "--device", "cpu")
    assert answer.code == 1 and "Traceback" not in answer.err and "obce: " not in answer.err
    lines = answer.out.splitlines()
    assert lines[1].endswith(": BEYOND IT") and lines[2].endswith(": BEYOND IT")
    assert (
        lines[5].startswith("stored tensors")
        and "encoder.layer.2.output.dense.bias differs by up to 1.0e-02" in lines[5]
    )
    assert lines[6].endswith("NOT the same function")
    told = run(capsys, "verify", folder, "--against", tiny_folder, "--device", "cpu", "--json", "--seed", 5)
    assert (told.code, told.err) == (1, "")
    assert told.data["equal"] is False and told.data["differs"].startswith("encoder.layer.2.output.dense.bias")
    assert [row["equal"] for row in told.data["measured"]] == [False, False, True, True]
    assert all(row["hidden"] > 1e-5 for row in told.data["measured"][:2])


def spoil(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    return lambda folder: edit_tensors(folder, change)


def outside(folder: Path) -> None:
    (folder / "compensation.safetensors").rename(folder.parent / "elsewhere")
    (folder / "compensation.safetensors").symlink_to(folder.parent / "elsewhere")


def cut_short(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-30])


def altered(folder: Path) -> None:
    text = (folder / "pruning_plan.json").read_text()
    (folder / "pruning_plan.json").write_text(text.replace('"mean+std"', '"mean"'))


QUERY = "encoder.layer.1.attention.self.query.weight"
# what is done to the folder, words of the one line
BAD: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("weights cut short", cut_short("model.safetensors"), ("model.safetensors is incomplete",)),
    ("constants cut short", cut_short("compensation.safetensors"), ("compensation.safetensors is incomplete",)),
    ("file missing", lambda folder: (folder / "obce.json").unlink(), ("obce.json is missing",)),
    ("tensor missing", spoil(lambda s: s.pop(QUERY)), (QUERY, "is missing")),
    ("wrong dtype", spoil(lambda s: s.update({QUERY: s[QUERY].to(torch.int32)})), (QUERY, "I32")),
    ("NaN", spoil(lambda s: s[QUERY].fill_(float("nan"))), (QUERY, "NaN")),
    ("plan altered", altered, ("pruning_plan.json was altered after the cut", "obce.json")),
    ("config edited", lambda folder: edit_config(folder, layer_norm_eps=0.1), ("config.json", "layer_norm_eps")),
    ("path that escapes", outside, ("compensation.safetensors", "points outside the model's folder")),
]


@pytest.mark.parametrize(("name", "damage", "words"), BAD, ids=[name for name, _, _ in BAD])
def test_a_damaged_folder_is_one_line(
    name: str,
    damage: Callable[[Path], object],
    words: tuple[str, ...],
    folder: Path,
    tiny_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(folder)
    answer = run(capsys, "verify", folder, "--against", tiny_folder, "--device", "cpu")
    assert answer.code == 2 and answer.out == "" and "Traceback" not in answer.err
    assert all(word in answer.line for word in words), answer.line


def test_what_is_named_wrongly_is_one_line(
    folder: Path, tiny_folder: Path, tiny_analysis: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_tiny(tmp_path / "other", seed=9)
    write_plan(make_plan(tiny_analysis, percentile=50), tmp_path / "plan.json")
    cases: list[tuple[tuple[os.PathLike[str] | str, ...], str]] = [
        ((folder, "--against", other), "other has other weights"),
        ((folder, "--against", folder), "model has other weights"),
        ((tiny_folder, "--against", tiny_folder), "tiny is not a model that obce cut"),
        (
            (folder, "--against", tiny_folder, "--plan", tmp_path / "plan.json"),
            "plan.json is not the plan that model was cut by",
        ),
        ((folder, "--against", tiny_folder, "--plan", tmp_path / "none.json"), "No plan file at"),
        ((folder, "--against", tmp_path / "none"), "No model folder at"),
        ((tmp_path / "none", "--against", tiny_folder), "No model folder at"),
        ((folder,), "--against"),
        ((folder, "--against", tiny_folder, "--device", "tpu"), "tpu"),
        ((folder, "--against", tiny_folder, "--seed", "-1"), "--seed"),
    ]
    for arguments, words in cases:
        answer = run(capsys, "verify", *map(str, arguments))
        assert answer.code == 2 and words in answer.line, (arguments, answer.err)
