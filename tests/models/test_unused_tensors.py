"""Tensors that transformers ignores are part of no count and of no cut model, and are named once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from shell import run
from tiny import copy_folder, edit_config, edit_tensors, sample, save_tiny, some_of_everything

from obce_core.analysis.analyze import analyze
from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.errors import ModelError
from obce_core.measure.verify import verify
from obce_core.models import check_model, preview_model
from obce_core.models.load import load_model, read_state
from obce_core.plan import model_size_table
from obce_core.plan.size import count
from obce_core.plan.size_table import plan_size_table


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """Save a model of two layers, the same as `long` with the last two left out."""
    return save_tiny(tmp_path / "short", num_hidden_layers=2, seed=1)


@pytest.fixture
def long(short: Path, tmp_path: Path) -> Path:
    """Give the file of `short` two more layers, a tensor in a layer and one in the embeddings that BERT does not
    have."""
    folder = copy_folder(short, tmp_path / "long")

    def more(state: dict[str, Any]) -> None:
        for name in [name for name in state if name.startswith("encoder.layer.")]:
            _, _, number, rest = name.split(".", 3)
            state[f"encoder.layer.{int(number) + 2}.{rest}"] = state[name] + 1
        state["encoder.layer.0.adapter.weight"] = torch.full((24, 24), float("nan"))
        state["embeddings.norm.weight"] = torch.zeros(24)
        state["embeddings.position_ids"] = torch.arange(130).reshape(1, 130)

    edit_tensors(folder, more)
    return folder


NOTE = (
    "model.safetensors holds 2 layers beyond the 2 of num_hidden_layers and 2 tensors that BERT does not have; left "
    "out, as "
    "transformers does."
)


def test_they_are_counted_nowhere_and_named_once(short: Path, long: Path) -> None:
    one, two = check_model(short), check_model(long)
    assert (two.parameters, two.encoder_parameters, two.tensors, two.extra) == (
        one.parameters,
        one.encoder_parameters,
        one.tensors,
        one.extra,
    )
    assert two.memory_bytes == one.memory_bytes
    assert abs(two.bytes - one.bytes) < 8_000  # the header is longer
    assert two.notes == (NOTE,) and not one.notes
    assert model_size_table(two).plain() == model_size_table(one).plain()
    assert [line for _, line in preview_model(str(long)).lines].count(NOTE) == 1


def test_they_are_not_loaded_even_where_they_are_damaged(short: Path, long: Path) -> None:
    report = check_model(long)
    assert set(read_state(report)) == set(read_state(check_model(short)))
    ours, theirs = load_model(long).model, transformers.BertModel.from_pretrained(long)
    state = theirs.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items())


def test_what_is_cut_from_such_a_file_loads_and_is_the_masked_original(short: Path, long: Path, tmp_path: Path) -> None:
    plans, folders = [], []
    for name, folder in (("short", short), ("long", long)):
        analysis = analyze(folder, sample(12, heldout=4), out=tmp_path / f"analysis-{name}")
        plan = some_of_everything(analysis)
        plans.append((count(analysis, plan), plan_size_table(analysis, plan).plain()))
        folders.append(compress(analysis, plan, tmp_path / f"cut-{name}", device="cpu").folder)
    assert plans[0] == plans[1]
    sizes = [(folder / "model.safetensors").stat().st_size for folder in folders]
    assert sizes[0] == sizes[1]
    load(folders[1])
    assert check_model(folders[1]).notes == ()
    assert verify(folders[1], long).equal


def test_info_and_analyze_say_it(long: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "info", long).out.count(NOTE) == 1
    assert run(capsys, "info", long, "--json").data["notes"] == [NOTE]
    done = run(capsys, "analyze", "--model", long, "--texts", "demo", "--n-texts", 8, "--out", tmp_path / "a")
    assert done.code == 0 and done.out.count(NOTE) == 1


def test_one_layer_too_many_is_one(short: Path, tmp_path: Path) -> None:
    edit_config(short, num_hidden_layers=1)
    assert check_model(short).notes == (
        "model.safetensors holds 1 layer beyond the 1 of num_hidden_layers; left out, as transformers does.",
    )


@pytest.mark.parametrize("twin", ["bert.embeddings.LayerNorm.bias", "embeddings.LayerNorm.beta"])
def test_a_tensor_that_is_there_twice_is_refused(twin: str, short: Path) -> None:
    edit_tensors(short, lambda state: state.update({twin: torch.zeros(24)}))
    with pytest.raises(
        ModelError,
        match=r"embeddings\.LayerNorm\.b.* are the same tensor of the model\. Save the model again with one\.",
    ):
        check_model(short)


@pytest.mark.parametrize(
    "name",
    ["encoder.layer.x.output", "encoder.layer.99999999999999999999.output", "encoder.layer..output", "encoder.layer"],
)
def test_a_name_without_a_layer_number_is_no_layer(name: str, short: Path) -> None:
    edit_tensors(short, lambda state: state.update({name: torch.zeros(3)}))
    assert check_model(short).notes == (
        "model.safetensors holds 1 tensor that BERT does not have; left out, as transformers does.",
    )
