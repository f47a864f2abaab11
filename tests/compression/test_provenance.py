"""A compressed folder that was altered after the cut is not believed: one line names the file and what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import copy_folder, edit_config

from obce_core.compression.checkpoint import load
from obce_core.errors import BadInput, NotFinite, ObceError

PLAN, CONSTANTS, FACTS = "pruning_plan.json", "compensation.safetensors", "obce.json"


@pytest.fixture
def damaged(tiny_cut: Path, tmp_path: Path) -> Path:
    """Copy the cut model, to be damaged."""
    return copy_folder(tiny_cut, tmp_path / "model")


def edit(name: str, change: Callable[[Any], object]) -> Callable[[Path], object]:
    """Change a JSON file of a folder."""

    def apply(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        change(data)
        (folder / name).write_text(json.dumps(data))

    return apply


def constants(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], object]:
    """Change the tensors of compensation.safetensors."""

    def apply(folder: Path) -> None:
        tensors = load_file(folder / CONSTANTS)
        change(tensors)
        save_file(tensors, folder / CONSTANTS)

    return apply


def widths(change: Callable[[list[Any]], object]) -> Callable[[Path], object]:
    """Change the widths in config.json."""
    return edit("config.json", lambda config: change(config["widths"]))


def other_rows(digits: str) -> str:
    """Name one row that is not stored in the place of one that is."""
    bits = list(f"{int(digits, 16):0{4 * len(digits)}b}")
    kept, gone = bits.index("1"), bits.index("0")
    bits[kept], bits[gone] = "0", "1"
    return f"{int(''.join(bits), 2):0{len(digits)}x}"


def cut_short(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40])


def escaping(name: str) -> Callable[[Path], object]:
    """Put a link that leads out of the folder in the place of a file."""

    def apply(folder: Path) -> None:
        outside = folder.parent / "outside"
        outside.mkdir()
        shutil.move(folder / name, outside / name)
        (folder / name).symlink_to(outside / name)

    return apply


# what is done to the folder, words of the one line
DAMAGE: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("plan missing", lambda f: (f / PLAN).unlink(), ("is incomplete: pruning_plan.json is missing",)),
    ("constants missing", lambda f: (f / CONSTANTS).unlink(), ("is incomplete: compensation.safetensors is missing",)),
    ("facts missing", lambda f: (f / FACTS).unlink(), ("is incomplete: obce.json is missing",)),
    ("weights missing", lambda f: (f / "model.safetensors").unlink(), ("has no weights (model.safetensors)",)),
    ("config missing", lambda f: (f / "config.json").unlink(), ("has no config.json",)),
    ("plan cut short", cut_short(PLAN), ("pruning_plan.json is not valid JSON at line",)),
    ("constants cut short", cut_short(CONSTANTS), ("compensation.safetensors is incomplete: header promises",)),
    ("weights cut short", cut_short("model.safetensors"), ("model.safetensors is incomplete: header promises",)),
    ("config cut short", cut_short("config.json"), ("config.json is not valid JSON",)),
    ("facts cut short", cut_short(FACTS), ("obce.json is not valid JSON",)),
    (
        "other kept neurons",
        edit(PLAN, lambda p: p["fact"]["kept"]["2"].update(query=[[0, 19]])),
        ("pruning_plan.json was altered after the cut",),
    ),
    (
        "other reason",
        edit(PLAN, lambda p: p["intent"]["drop"][0].update(reason="why not")),
        ("pruning_plan.json was altered after the cut", "obce.json says"),
    ),
    (
        "other compensation",
        edit(PLAN, lambda p: p["intent"]["compensation"].update(method="mean")),
        ("pruning_plan.json was altered",),
    ),
    (
        "other plan named",
        edit(FACTS, lambda d: d.update(plan="0" * 64)),
        ("obce.json was altered after the cut: it names the plan 000000000000…",),
    ),
    (
        "no digest of the plan",
        edit(FACTS, lambda d: d.pop("plan_document")),
        ("obce.json: plan_document is missing or damaged",),
    ),
    (
        "another format",
        edit(FACTS, lambda d: d.update(format="obce-model/9")),
        ("obce.json: format is 'obce-model/9'",),
    ),
    (
        "a cell's constants missing",
        constants(lambda t: t.pop("layer.2.value")),
        ("compensation.safetensors: tensor layer.2.value is missing",),
    ),
    (
        "constants of a whole cell",
        constants(lambda t: t.update({"layer.9.value": np.zeros(24)})),
        ("compensation.safetensors: tensor layer.9.value belongs to no cell",),
    ),
    (
        "constants in float32",
        constants(lambda t: t.update({"layer.2.key": np.zeros(24, np.float32)})),
        ("compensation.safetensors: layer.2.key is F32 [24]; expected F64 [24]",),
    ),
    (
        "too few constants",
        constants(lambda t: t.update({"layer.2.key": np.zeros(23)})),
        ("compensation.safetensors: layer.2.key is F64 [23]; expected F64 [24]",),
    ),
    (
        "a constant is NaN",
        constants(lambda t: t["layer.3.intermediate"].__setitem__(0, np.nan)),
        ("compensation.safetensors: layer.3.intermediate contains NaN or inf",),
    ),
    (
        "pairs of two heads exchanged",
        widths(lambda w: w[1]["pairs"].reverse()),
        ("config.json: widths of layer 2: rows names other",),
    ),
    (
        "other rows named, as many",
        widths(lambda w: w[2]["rows"].update(intermediate=other_rows(w[2]["rows"]["intermediate"]))),
        ("config.json: widths of layer 3: rows.intermediate names other rows than the plan leaves",),
    ),
    (
        "an extra row given to another head",
        widths(lambda w: w[0].update(extra=[0, 1, 1])),
        ("config.json: widths of layer 1: extra is [0, 1, 1], the plan leaves [1, 1, 0]",),
    ),
    (
        "another activation",
        lambda f: edit_config(f, hidden_act="relu"),
        ("config.json was edited after the cut: hidden_act is relu, obce.json says gelu",),
    ),
    (
        "another epsilon",
        lambda f: edit_config(f, layer_norm_eps=0.01),
        ("config.json was edited after the cut: layer_norm_eps is 0.01",),
    ),
    ("plan outside", escaping(PLAN), ("pruning_plan.json in", "points outside the model's folder")),
    ("constants outside", escaping(CONSTANTS), ("compensation.safetensors in", "points outside the model's folder")),
    ("facts outside", escaping(FACTS), ("obce.json in", "points outside the model's folder")),
    ("weights outside", escaping("model.safetensors"), ("model.safetensors in", "points outside the model's folder")),
    ("config outside", escaping("config.json"), ("config.json in", "points outside the model's folder")),
    ("tokenizer outside", escaping("tokenizer.json"), ("tokenizer.json in", "points outside the model's folder")),
]


@pytest.mark.parametrize(("name", "damage", "words"), DAMAGE, ids=[name for name, _, _ in DAMAGE])
def test_a_damaged_folder_is_refused_in_one_line_that_names_the_file(
    name: str, damage: Callable[[Path], object], words: tuple[str, ...], damaged: Path
) -> None:
    damage(damaged)
    with pytest.raises(ObceError) as caught:
        load(damaged, device="cpu")
    assert isinstance(caught.value, (BadInput, NotFinite)) and caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_what_does_not_matter_may_change(damaged: Path) -> None:
    (damaged / "README.md").write_text("My own words.")
    edit_config(damaged, id2label={"0": "no", "1": "yes"}, transformers_version="5.99")
    edit(PLAN, lambda plan: None)(damaged)  # the same plan, written in another way
    assert load(damaged, device="cpu").model.config.id2label == {0: "no", 1: "yes"}


def test_a_folder_that_another_program_saved_has_no_origin_and_loads(damaged: Path) -> None:
    for name in (PLAN, CONSTANTS, FACTS, "MANIFEST.json"):
        (damaged / name).unlink()
    assert type(load(damaged, device="cpu").model).__name__ == "ObceBertModel"
