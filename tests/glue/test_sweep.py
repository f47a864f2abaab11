"""Grids of evaluations, read from files that people write."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from obce_core.errors import BadInput, ObceError, UnknownName
from obce_core.glue.sweep import read_sweep
from obce_core.plan.create import make_plan
from obce_core.plan.plan_file import write_plan


def test_a_grid_is_laid_out_seed_by_seed(analysis, folder: Path, tmp_path: Path) -> None:
    write_plan(make_plan(analysis, percentile=20, first_layer=2), tmp_path / "mine.json")
    spec = {
        "model": str(folder),
        "analysis": analysis.id,
        "variants": [
            "original",
            {"percentile": 50, "first_layer": 2, "controls": ["random", "std"], "draws": 2},
            {"plan": "mine.json"},
            {"percentile": 50, "first_layer": 2, "order": "finetune-first"},
        ],
        "tasks": ["CoLA", "mrpc"],
        "tier": "quick",
        "recipe": {"epochs": 1},
        "seeds": [0, 7],
    }
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(spec))
    sweep = read_sweep(tmp_path / "sweep.yaml")
    assert [variant.label for variant in sweep.variants] == [
        "original",
        "P50 by r_f",
        "P50 by r_f, random 0 of the same shape",
        "P50 by r_f, random 1 of the same shape",
        "P50 by r_f, std of the same shape",
        "mine",
        "P50 by r_f, cut after fine-tuning",
    ]
    assert sweep.tasks == ("cola", "mrpc") and (sweep.recipe.epochs, sweep.recipe.examples) == (1, 2000)
    assert len(sweep.units) == 7 * 2 * 2
    assert [unit.seed for unit in sweep.units] == [0] * 14 + [7] * 14
    assert read_sweep(spec | {"variants": spec["variants"][:2]}).variants[0].label == "original"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"taks": []}, BadInput, "unknown key 'taks'"),
        ({"tasks": ["snli"]}, UnknownName, "snli"),
        ({"tasks": "cola"}, BadInput, "expected a list"),
        ({"tier": "fast"}, UnknownName, "quick"),
        ({"recipe": {"lr": 1}}, BadInput, "unknown key 'lr'"),
        ({"recipe": {"epochs": "3"}}, BadInput, "epochs"),
        ({"seeds": [True]}, BadInput, "seeds"),
        ({"seeds": []}, BadInput, "0 evaluations"),
        ({"variants": [{"percentile": 50}]}, BadInput, "names no analysis"),
        ({"variants": [3]}, BadInput, "expected original"),
        ({"variants": ["original", "original"]}, BadInput, "two variants"),
        ({"seeds": list(range(6000))}, BadInput, "6,000"),
        ({"variants": [{"percentile": 50, "colour": 1}]}, BadInput, "colour"),
    ],
)
def test_what_is_wrong_is_named(change, error, message: str) -> None:
    with pytest.raises(error, match=message):
        read_sweep({"model": "demo", "tasks": ["cola"], **change})


def test_paths_are_those_beside_the_file_wherever_it_is_read_from(
    analysis, folder: Path, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "model").symlink_to(folder)
    (tmp_path / "deep" / "sweep.yaml").write_text(yaml.safe_dump({"model": "../model", "tasks": ["cola"]}))
    monkeypatch.chdir(tmp_path.parent)
    assert read_sweep(tmp_path / "deep" / "sweep.yaml").variants[0].model == str(tmp_path / "model")


def test_what_is_wrong_in_a_variant_is_named(analysis, folder: Path) -> None:
    for row, message in (
        ({"percentile": 50, "controls": ["r_f"]}, "control"),
        ({"percentile": 50, "controls": ["random"], "draws": 0}, "draws"),
        ({"percentile": 50, "order": "both"}, "order"),
        ({"percentile": 500}, "percentile"),
        ({"plan": "nowhere.json"}, "nowhere"),
    ):
        with pytest.raises(ObceError, match=message):
            read_sweep({"model": str(folder), "analysis": analysis.id, "variants": [row], "tasks": ["cola"]})
