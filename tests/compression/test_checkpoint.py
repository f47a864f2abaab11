"""A compressed model on disk: complete, read strictly, never in the place of somebody else's folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file as load_numpy
from tiny import copy_folder, edit_config, edit_tensors, sentences

from obce_core.analysis.analysis import Analysis
from obce_core.architectures import modeling_obce
from obce_core.compression import build, checkpoint
from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.compression.result import read_compressed
from obce_core.errors import ModelError, ObceError, PathError
from obce_core.models import check_model
from obce_core.models.batching import batches, encode
from obce_core.plan import ManualOverride, Plan, PruneSpec, make_plan, read_plan, resolve, to_document
from obce_core.storage.staging import manifest_faults


@pytest.fixture(scope="module")
def plan(tiny_analysis: Analysis) -> Plan:
    return resolve(
        tiny_analysis,
        PruneSpec(
            cells={3: {"query": 30, "key": 50, "value": 70, "intermediate": 50}},
            drop=(
                ManualOverride(layer=2, component="query", neurons=(0, 1, 9), reason="to see"),
                ManualOverride(layer=2, component="value", neurons=tuple(range(8))),
            ),
        ),
    )


@pytest.fixture(scope="module")
def cut(tiny_analysis: Analysis, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compress(tiny_analysis, plan, tmp_path_factory.mktemp("cut") / "model", device="cpu").folder


@pytest.fixture
def damaged(cut: Path, tmp_path: Path) -> Path:
    """Copy the cut model, to be damaged."""
    return copy_folder(cut, tmp_path / "model")


def last_hidden(folder: Path) -> torch.Tensor:
    model, tokenizer = load(folder, device="cpu")
    (batch,) = batches(encode(tokenizer, sentences(6, seed=3)), 6)
    with torch.inference_mode():
        return model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state


def test_the_folder_has_everything_and_no_pickle(
    cut: Path, tiny_folder: Path, plan: Plan, tiny_analysis: Analysis
) -> None:
    names = {path.relative_to(cut).as_posix() for path in cut.rglob("*") if path.is_file()}
    assert {
        "config.json",
        "model.safetensors",
        "pruning_plan.json",
        "compensation.safetensors",
        "README.md",
        "obce.json",
        "MANIFEST.json",
    } <= names
    assert {path.name for path in tiny_folder.iterdir() if "token" in path.name or "vocab" in path.name} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert (cut / "modeling_obce.py").read_bytes() == Path(modeling_obce.__file__).read_bytes()
    assert manifest_faults(cut) == []
    assert to_document(read_plan(cut / "pruning_plan.json", tiny_analysis)) == to_document(plan)


def test_the_constants_of_every_cut_cell_are_kept_in_float64(cut: Path, plan: Plan, tiny_analysis: Analysis) -> None:
    stored = {name: v for name, v in load_numpy(cut / "compensation.safetensors").items() if ".rows." not in name}
    assert set(stored) == {
        "layer.2.query",
        "layer.2.value",
        "layer.3.query",
        "layer.3.key",
        "layer.3.value",
        "layer.3.intermediate",
    }
    for name, values in stored.items():
        _, layer, component = name.split(".")
        columns = tiny_analysis.cell(int(layer), component)
        assert values.dtype == np.float64
        assert values.tolist() == (columns["mean_cls"] + columns["std_cls"]).tolist()


def test_the_stored_rows_of_every_cut_layer_are_named_by_their_original_neurons(
    cut: Path, plan: Plan, tiny_analysis: Analysis
) -> None:
    report, shape = check_model(cut), tiny_analysis.shape
    assert [layer is not None for layer in report.layers] == [False, True, True, False]
    for number in (2, 3):
        both = plan.mask(number, "query", shape) & plan.mask(number, "key", shape)
        assert (
            report.neurons(number, "query").tolist()
            == report.neurons(number, "key").tolist()
            == np.flatnonzero(both).tolist()
        )
        for component in ("value", "intermediate"):
            assert (
                report.neurons(number, component).tolist()
                == np.flatnonzero(plan.mask(number, component, shape)).tolist()
            )
    assert report.neurons(1, "query").tolist() == list(range(24))


def test_the_config_has_the_widths_of_every_head_and_an_uncut_layer_has_none(cut: Path) -> None:
    config = json.loads((cut / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("obce-bert", ["ObceBertModel"])
    assert [row is None for row in config["widths"]] == [True, False, False, True]
    assert config["widths"][1] == row()
    assert config["auto_map"]["AutoModelForMaskedLM"] == "modeling_obce.ObceBertForMaskedLM"
    assert "_name_or_path" not in config


def test_the_card_tells_the_numbers_of_the_budget(cut: Path, tiny_analysis: Analysis) -> None:
    card, done = (cut / "README.md").read_text(), read_compressed(cut)
    for number in (
        done.budget.parameters,
        done.budget.parameters_left,
        done.budget.encoder_left,
        done.budget.flops_left,
        done.budget.neurons_cut,
    ):
        assert f"{number:,}" in card
    assert "6 texts that were not used for the analysis" in card
    assert "replaced by a constant (mean+std over cls tokens), folded exactly" in card
    assert str(cut.parent) not in card and str(cut.parent) not in (cut / "config.json").read_text()
    assert done.plain()["budget"]["parameters_left"] == done.budget.parameters_left


def test_saved_and_loaded_it_gives_the_same_numbers(cut: Path, tmp_path: Path) -> None:
    shutil.copytree(cut, tmp_path / "moved")
    assert torch.equal(last_hidden(cut), last_hidden(tmp_path / "moved"))


def test_a_stock_model_loads_through_the_same_door(tiny_folder: Path) -> None:
    model, tokenizer = load(tiny_folder)
    assert type(model).__name__ == "BertModel"
    assert not model.training
    assert tokenizer("acid")["input_ids"][0] == 2


LAYER = "encoder.layer.1.attention.self"
# what is done to the tensors, the start of the message
TENSORS: list[tuple[Any, str]] = [
    (
        lambda s: s.pop(f"{LAYER}.key.extra"),
        f"model.safetensors: tensor {LAYER}.key.extra is missing; the model is not loaded.",
    ),
    (
        lambda s: s.pop(f"{LAYER}.query.bias"),
        f"model.safetensors: tensor {LAYER}.query.bias is missing; the model is not loaded.",
    ),
    (lambda s: s.pop("embeddings.LayerNorm.bias"), "model.safetensors: tensor embeddings.LayerNorm.bias is missing"),
    (
        lambda s: s.update({f"{LAYER}.value.extra": torch.zeros(1, 24)}),
        f"model.safetensors: tensor {LAYER}.value.extra belongs to no part of this model.",
    ),
    (
        lambda s: s.update({"encoder.layer.4.output.dense.bias": torch.zeros(24)}),
        "model.safetensors: tensor encoder.layer.4.output.dense.bias belongs to no part of this model.",
    ),
    (
        lambda s: s.update({f"{LAYER}.key.extra": torch.zeros(3, 24)}),
        f"model.safetensors: {LAYER}.key.extra is F32 [3, 24], config.json asks for [2, 24].",
    ),
    (
        lambda s: s.update({f"{LAYER}.query.weight": torch.zeros(24, 24)}),
        f"model.safetensors: {LAYER}.query.weight is F32 [24, 24], config.json asks for",
    ),
    (
        lambda s: s.update({f"{LAYER}.query.bias": torch.zeros(21, dtype=torch.int32)}),
        f"model.safetensors: {LAYER}.query.bias is I32 [21], config.json asks",
    ),
    (
        lambda s: s[f"{LAYER}.key.extra"].fill_(float("nan")),
        f"model.safetensors: 1 tensor contains NaN or inf (first: {LAYER}.key.extra).",
    ),
]


@pytest.mark.parametrize(("change", "message"), TENSORS, ids=range(len(TENSORS)))
def test_a_tensor_that_does_not_belong_is_named_in_one_line(change: Any, message: str, damaged: Path) -> None:
    edit_tensors(damaged, change)
    with pytest.raises(ObceError) as caught:
        load(damaged)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


ROWS = {"pairs": "3fbfff", "values": "00ffff", "intermediate": "ffffffffff"}
"""Which rows of the original layer 2 has stored, a bit each."""


def row(**change: Any) -> dict[str, Any]:
    """Change the widths of layer 2."""
    return {"pairs": [6, 7, 8], "extra": [1, 1, 0], "values": [0, 8, 8], "intermediate": 40, "rows": ROWS} | change


# the field widths, or that of layer 2, the start of the message
WIDTHS: list[tuple[Any, str]] = [
    (None, "config.json: widths must list 4 layers."),
    ([], "config.json: widths must list 4 layers."),
    ([None] * 5, "config.json: widths must list 4 layers."),
    ({"1": None}, "config.json: widths must list 4 layers."),
    ([None, 3, None, None], "config.json: widths of layer 2 must have pairs, extra, values, intermediate and rows."),
    (row(more=1), "config.json: widths of layer 2 must have pairs, extra, values, intermediate and rows."),
    (row(pairs=[6, 7]), "config.json: widths of layer 2: pairs must list 3 heads."),
    (row(pairs=6), "config.json: widths of layer 2: pairs must list 3 heads."),
    (row(pairs=[9, 7, 8]), "config.json: widths of layer 2: pairs must be whole numbers from 0 to 8."),
    (row(pairs=[-1, 7, 8]), "config.json: widths of layer 2: pairs must be whole numbers from 0 to 8."),
    (row(pairs=[True, 7, 8]), "config.json: widths of layer 2: pairs must be whole numbers from 0 to 8."),
    (row(pairs=[6.0, 7, 8]), "config.json: widths of layer 2: pairs must be whole numbers from 0 to 8."),
    (row(extra=[2, 1, 0]), "config.json: widths of layer 2: extra must be whole numbers from 0 to 1."),
    (row(extra=[1, 1, 1]), "config.json: widths of layer 2: a head has more key rows than its original 8."),
    (row(values=[0, 8, 10**9]), "config.json: widths of layer 2: values must be whole numbers from 0 to 8."),
    (row(intermediate=41), "config.json: widths of layer 2: intermediate must be a whole number from 0 to 40."),
    (row(intermediate=None), "config.json: widths of layer 2: intermediate must be a whole number from 0 to 40."),
    (row(extra=[0, 0, 0]), f"model.safetensors: tensor {LAYER}.key.extra belongs to no part"),
    (row(pairs=[7, 7, 8]), "config.json: widths of layer 2: rows names other numbers of rows than the widths."),
    (row(values=[8, 0, 0]), "config.json: widths of layer 2: rows names other numbers of rows than the widths."),
    (row(rows=None), "config.json: widths of layer 2: rows must have pairs, values and intermediate."),
    (row(rows=ROWS | {"more": ""}), "config.json: widths of layer 2: rows must have pairs, values and intermediate."),
    (
        row(rows=ROWS | {"pairs": "3fbfffff"}),
        "config.json: widths of layer 2: rows.pairs is '3fbfffff'; expected 6 hexadecimal digits.",
    ),
    (
        row(rows=ROWS | {"values": "00FFFF"}),
        "config.json: widths of layer 2: rows.values is '00FFFF'; expected 6 hexadecimal digits.",
    ),
    (
        row(rows=ROWS | {"mixed": "01"}),
        "config.json: widths of layer 2: rows.mixed is '01'; expected a digit 0, 1 or 2 for each pair.",
    ),
    (
        row(pairs=[7, 7, 8], rows=ROWS | {"pairs": "7fbfff"}, extra=[1, 1, 0]),
        f"model.safetensors: {LAYER}.query.weight is F32 [21, 24], config.json asks for [22, 24].",
    ),
    ([None] * 4, f"model.safetensors: {LAYER}.query.weight is F32 [21, 24], config.json asks for [24, 24]."),
]


@pytest.mark.parametrize(("widths", "message"), WIDTHS, ids=range(len(WIDTHS)))
def test_widths_that_were_edited_are_refused_before_anything_is_built(widths: Any, message: str, damaged: Path) -> None:
    if isinstance(widths, dict) and "pairs" in widths:
        told = json.loads((damaged / "config.json").read_text())["widths"]
        widths = [told[0], widths, *told[2:]]
    edit_config(damaged, widths=widths)
    with pytest.raises(ModelError) as caught:
        load(damaged)
    assert str(caught.value).startswith(message)


# changed fields of config.json, the start of the message
CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"hidden_size": 3 * 10**8}, "config.json: hidden_size is 300000000; allowed 8–4096."),
    ({"num_attention_heads": 7}, "config.json: hidden_size 24 is not a multiple of num_attention_heads 7."),
    ({"pad_token_id": 71}, "config.json: pad_token_id 71 is not below vocab_size 71."),
    ({"is_decoder": True}, "config.json: is_decoder is true"),
    ({"model_type": "obce-t5"}, "The model type 't5' cannot be cut."),
    ({"model_type": "obce-"}, "The model type '' cannot be cut."),
    ({"architectures": ["ObceEvil"]}, "Unknown BERT architecture 'Evil'"),
    ({"architectures": []}, "config.json: architectures is []; expected a list of one name."),
    ({"architectures": None}, "config.json: architectures is None; expected a list of one name."),
]


@pytest.mark.parametrize(("change", "message"), CONFIGS, ids=range(len(CONFIGS)))
def test_a_config_of_a_cut_model_is_trusted_no_more_than_another(
    change: dict[str, Any], message: str, damaged: Path
) -> None:
    edit_config(damaged, **change)
    with pytest.raises(ObceError) as caught:
        load(damaged)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_code_that_travels_with_a_cut_model_is_never_run(damaged: Path, tmp_path: Path) -> None:
    mark = tmp_path / "PWNED"
    (damaged / "modeling_obce.py").write_text(f"open({str(mark)!r}, 'w')\n")
    edit_config(damaged, auto_map={"AutoModel": "modeling_obce.ObceBertModel"}, _attn_implementation="evil/kernel")
    assert type(load(damaged).model).__module__ == "obce_core.architectures.modeling_obce"
    assert not mark.exists()


def test_a_file_cut_short_is_named(damaged: Path) -> None:
    path = damaged / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"^model.safetensors is incomplete: header promises"):
        load(damaged)


def test_a_folder_that_obce_did_not_write_is_never_replaced(
    tiny_analysis: Analysis, plan: Plan, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    with pytest.raises(PathError, match=r"theirs already exists. Choose another --out, or give --overwrite."):
        compress(tiny_analysis, plan, theirs)
    with pytest.raises(
        PathError, match=r"theirs was not written by obce \(it has no MANIFEST.json\), so --overwrite leaves it alone."
    ):
        compress(tiny_analysis, plan, theirs, overwrite=True)
    assert (theirs / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "obce-cache") == ["theirs"]


def test_an_existing_model_is_replaced_only_when_asked_and_kept_when_the_new_one_fails(
    tiny_analysis: Analysis, plan: Plan, cut: Path, damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PathError, match="already exists"):
        compress(tiny_analysis, plan, damaged)
    before = {path.name: path.read_bytes() for path in damaged.iterdir() if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "model_card", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            compress(tiny_analysis, plan, damaged, overwrite=True, device="cpu")
    assert {path.name: path.read_bytes() for path in damaged.iterdir() if path.is_file()} == before
    other = make_plan(tiny_analysis, percentile=50)
    assert compress(tiny_analysis, other, damaged, overwrite=True, device="cpu").plan == other.digest
    assert manifest_faults(damaged) == []
    assert sorted(path.name for path in damaged.parent.iterdir() if path.name != "obce-cache") == ["model"]


def test_without_out_the_cache_keeps_one_entry_by_the_plans_digest(
    tiny_analysis: Analysis, plan: Plan, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = compress(tiny_analysis, plan, device="cpu")
    assert done.folder == cache / "models" / plan.digest[:16]
    monkeypatch.setattr(build, "_fold", lambda *_: 1 / 0)
    assert compress(tiny_analysis, plan) == done


def test_a_folder_without_the_measured_facts_is_no_compressed_model(tiny_folder: Path, damaged: Path) -> None:
    for folder in (tiny_folder, damaged.parent / "none"):
        with pytest.raises(
            ModelError, match=r"is not a model folder written by obce \(obce.json is missing or unreadable\)"
        ):
            read_compressed(folder)
    (damaged / "obce.json").write_text('{"plan": 3}')
    with pytest.raises(ModelError, match="is not a model folder written by obce"):
        read_compressed(damaged)


def test_training_keeps_the_padding_zero_and_the_constant_query_one(cut: Path, tmp_path: Path) -> None:
    model, tokenizer = load(cut, device="cpu")
    (batch,) = batches(encode(tokenizer, sentences(6, seed=3)), 6)
    layer = model.encoder.layer[1].attention
    rows, keys, values, columns = layer.self.query, layer.self.key, layer.self.value, layer.output.dense
    assert (rows.one_slots, keys.extra_slots) == ([6, 15], [6, 15])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(0)
    model.train()
    for _ in range(3):
        loss = model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state[batch.mask.bool()].pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()

    def unused(module: Any, used: list[int]) -> list[int]:
        return sorted(set(range(24)) - set(used))

    assert not rows.weight[unused(rows, rows.slots)].any()
    assert not keys.weight[unused(keys, keys.slots + keys.extra_slots)].any()
    assert not values.weight[unused(values, values.slots)].any()
    assert not values.bias[unused(values, values.slots)].any()
    assert not columns.weight[:, unused(columns, columns.slots)].any()
    with torch.inference_mode():
        hidden = torch.randn(5, 24, generator=torch.Generator().manual_seed(1))
        assert (rows(hidden)[:, rows.one_slots] == 1.0).all()
        after = model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    state = model.state_dict()
    assert not torch.equal(
        before["encoder.layer.1.attention.self.key.extra"], state["encoder.layer.1.attention.self.key.extra"]
    )
    assert {name: tensor.shape for name, tensor in state.items()} == {
        name: tensor.shape for name, tensor in before.items()
    }

    fresh, _ = load(cut, device="cpu")
    fresh.load_state_dict(state)
    with torch.inference_mode():
        again = fresh(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    assert float((after - again)[batch.mask.bool()].abs().max()) <= 1e-5 * float(after.abs().max())
