"""The cut model is the masked model: tiny models of every head with padding, and the demo."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny import edit_config, edit_tensors, sample, save_tiny, sentences

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from obce_core.architectures import FAMILIES
from obce_core.components import CUTTABLE
from obce_core.compression.build import compress
from obce_core.compression.checkpoint import build_compact, load
from obce_core.compression.fidelity import largest_difference
from obce_core.compression.fit_compensation import fit_maps
from obce_core.compression.masked import masked
from obce_core.compression.replacement import removed_neurons
from obce_core.compression.result import read_compressed
from obce_core.compression.state import fold_state
from obce_core.models import check_model
from obce_core.models.batching import batches, encode
from obce_core.models.load import load_model, read_state
from obce_core.plan import Compensation, ManualOverride, Plan, PruneSpec, count, make_plan, resolve

HEADS = FAMILIES["bert"].architectures()


def uneven(analysis: Analysis, compensation: Compensation | None = None) -> Plan:
    """Cut every layer unevenly: a head emptied whole, all values of a layer, a feed-forward layer emptied, random
    rest."""
    shape, rng = analysis.shape, np.random.default_rng(11)
    size, drop = shape.head_size, {}
    for layer in range(1, shape.layers + 1):
        for component in CUTTABLE:
            width = shape.width(component)
            drop[layer, component] = set(np.flatnonzero(rng.random(width) < rng.choice([0.2, 0.5, 0.8])).tolist())
    drop[1, "query"] |= set(range(size))
    drop[1, "key"] |= set(range(size))
    drop[2, "query"] |= set(range(size, 2 * size))
    drop[2, "key"] -= set(range(size, 2 * size))
    drop[shape.layers - 1, "value"] = set(range(shape.width("value")))
    drop[shape.layers, "intermediate"] = set(range(shape.intermediate))
    hands = tuple(
        ManualOverride(layer=cell[0], component=cell[1], neurons=tuple(neurons))
        for cell, neurons in drop.items()
        if neurons
    )
    return resolve(analysis, PruneSpec(drop=hands, compensation=compensation or Compensation()))


@pytest.fixture(scope="module", params=HEADS)
def head(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Save a tiny model with this head and analyse it."""
    home = tmp_path_factory.mktemp(request.param)
    save_tiny(home / "model", getattr(transformers, request.param), seed=1)
    return analyze(home / "model", sample(16, heldout=5), out=home / "analysis")


def test_every_head_is_cut_exactly_and_counted_to_the_last_byte(head: Analysis, tmp_path: Path) -> None:
    plan = uneven(head)
    done = compress(head, plan, tmp_path / "cut", device="cpu")
    assert 0.0 < done.difference <= 1e-5
    assert (done.difference_texts, done.fidelity.texts) == (5, 5)

    original = load_model(head.meta["model"]["spec"], device="cpu")
    model, tokenizer = load(tmp_path / "cut", device="cpu")
    texts = encode(tokenizer, sentences(9, seed=5))
    assert len(set(texts.lengths.tolist())) > 2  # so there is padding
    with masked(original.base, original.report.family, removed_neurons(head, plan)):
        assert largest_difference(original.model, model, texts, batch_size=9) <= 1e-5
    assert (
        largest_difference(original.model, model, texts, batch_size=9) > 1e-2
    )  # the hooks are gone, and the cut is felt

    size = count(head, plan)
    assert done.budget == size
    stored = tmp_path / "cut" / "model.safetensors"
    tensors = load_file(stored)
    assert sum(tensor.numel() for tensor in tensors.values()) == size.parameters_left
    assert sum(t.numel() for name, t in tensors.items() if "encoder.layer." in name) == size.encoder_left
    assert stored.stat().st_size == size.bytes_left
    assert sum(p.numel() for p in original.model.parameters()) == size.parameters
    assert original.report.source.weights.stat().st_size == size.bytes


@pytest.mark.parametrize("method", ["mean", "zero", "mean+std"])
@pytest.mark.parametrize("tokens", ["cls", "all"])
def test_every_compensation_is_cut_exactly(method: Any, tokens: Any, tiny_analysis: Analysis, tmp_path: Path) -> None:
    plan = uneven(tiny_analysis, Compensation(method=method, tokens=tokens))
    done = compress(tiny_analysis, plan, tmp_path / "cut", device="cpu")
    assert done.difference <= 1e-5
    assert (tmp_path / "cut" / "model.safetensors").stat().st_size == done.budget.bytes_left


def test_least_squares_is_cut_exactly_on_every_head_and_counted_to_the_last_byte(
    head: Analysis, tmp_path: Path
) -> None:
    plan = uneven(head, Compensation(method="least-squares"))
    done = compress(head, plan, tmp_path / "cut", device="cpu")
    assert 0.0 < done.difference <= 1e-5
    assert done.budget == count(head, plan)
    stored = load_file(tmp_path / "cut" / "model.safetensors")
    assert sum(tensor.numel() for tensor in stored.values()) == done.budget.parameters_left
    assert (tmp_path / "cut" / "model.safetensors").stat().st_size == done.budget.bytes_left


def test_the_predictions_on_disk_are_those_of_the_model(tiny_analysis: Analysis, tmp_path: Path) -> None:
    plan = uneven(tiny_analysis, Compensation(method="least-squares"))
    compress(tiny_analysis, plan, tmp_path / "cut", device="cpu")
    assert (
        "predicted from those that stay (least-squares over all tokens" in (tmp_path / "cut" / "README.md").read_text()
    )
    stored = load_file(tmp_path / "cut" / "compensation.safetensors")
    removed = {}
    for layer, row in plan.kept.items():
        for component, kept in row.items():
            weight, bias = (stored.pop(f"layer.{layer}.{component}.{part}") for part in ("weight", "bias"))
            assert (weight.dtype, bias.dtype) == (torch.float64, torch.float64)
            assert (weight.shape, bias.shape) == ((int((~kept).sum()), int(kept.sum())), (int((~kept).sum()),))
            removed[layer, component] = (torch.from_numpy(~kept), weight, bias)
    assert not stored
    original = load_model(tiny_analysis.meta["model"]["spec"], device="cpu")
    model, tokenizer = load(tmp_path / "cut", device="cpu")
    texts = encode(tokenizer, sentences(9, seed=5))
    with masked(original.base, original.report.family, removed):
        assert largest_difference(original.model, model, texts, batch_size=9) <= 1e-5


def test_texts_held_out_have_no_part_in_the_predictions(tiny_folder: Path, tmp_path: Path) -> None:
    texts, found = sample(14, heldout=6), []
    for name, held in (("one", texts.heldout[:3]), ("two", texts.heldout[3:])):
        analysis = analyze(tiny_folder, replace(texts, heldout=held), out=tmp_path / f"{name}-analysis")
        compress(
            analysis, make_plan(analysis, percentile=50, compensation="least-squares"), tmp_path / name, device="cpu"
        )
        found.append((tmp_path / name / "model.safetensors").read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("method", ["mean+std", "zero", "least-squares"])
def test_in_float64_the_twins_agree_to_rounding(method: Any, tiny_analysis: Analysis) -> None:
    report = check_model(tiny_analysis.meta["model"]["spec"])
    plan = uneven(tiny_analysis, Compensation(method=method))
    original = load_model(report, device="cpu", dtype="float64")
    maps = (
        fit_maps(original, encode(original.tokenizer, tiny_analysis.texts.texts), plan)
        if method == "least-squares"
        else {}
    )
    removed = removed_neurons(tiny_analysis, plan, maps)
    layers, state = fold_state(read_state(report), report.family, report.shape, removed, dtype=torch.float64)
    cut = build_compact(report, layers, state, dtype=torch.float64).eval()
    assert {tensor.dtype for tensor in cut.state_dict().values() if tensor.is_floating_point()} == {torch.float64}
    texts = encode(original.tokenizer, sentences(9, seed=5))
    with masked(original.base, report.family, removed):
        assert 0.0 < largest_difference(original.model, cut, texts) <= 1e-12


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_both_attention_kernels_run_a_cut_model(attention: str, tiny_analysis: Analysis, tmp_path: Path) -> None:
    compress(tiny_analysis, uneven(tiny_analysis), tmp_path / "cut", device="cpu")
    model, tokenizer = load(tmp_path / "cut", device="cpu")
    texts = encode(tokenizer, sentences(7, seed=6))
    (batch,) = batches(texts, 7)
    with torch.inference_mode():
        before = model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
        model.set_attn_implementation(attention)
        after = model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    assert torch.allclose(before[batch.mask.bool()], after[batch.mask.bool()], atol=1e-5)


def test_the_demo_is_cut_exactly(demo_analysis: Analysis, tmp_path: Path) -> None:
    plan = uneven(demo_analysis, Compensation(tokens="all"))
    done = compress(demo_analysis, plan, tmp_path / "cut")
    assert done.difference <= 1e-5
    assert done.difference_texts == done.fidelity.texts == 8
    assert done.fidelity.cls_lowest <= done.fidelity.cls < 0.99
    assert (tmp_path / "cut" / "model.safetensors").stat().st_size == done.budget.bytes_left
    assert done.budget.parameters == 22_713_216
    assert read_compressed(tmp_path / "cut") == done
    model, _ = load(tmp_path / "cut")
    assert sum(tensor.numel() for tensor in model.state_dict().values()) == done.budget.parameters_left


def test_a_paper_preset_on_the_demo_is_cut_exactly(demo_analysis: Analysis, tmp_path: Path) -> None:
    plan = make_plan(demo_analysis, preset="paper-scaled")
    done = compress(demo_analysis, plan, tmp_path / "cut")
    assert done.difference <= 1e-5
    assert 0 < done.budget.parameters_cut < done.budget.encoder


def without_pooler(state: dict[str, Any]) -> None:
    del state["bert.pooler.dense.weight"], state["bert.pooler.dense.bias"]


def old_names(state: dict[str, Any]) -> None:
    for name in list(state):
        state[name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")] = (
            state.pop(name)
        )


# architecture in config.json of a file of BertForPreTraining, what is done to its tensors
FILES = [
    ("BertForMaskedLM", lambda state: None),  # the pooler and the other head are in the file only
    ("BertModel", lambda state: None),
    ("BertForSequenceClassification", lambda state: None),  # its own head is not in the file
    ("BertModel", without_pooler),
    ("BertForPreTraining", old_names),
    (
        "BertForPreTraining",
        lambda state: state.update(
            {"cls.predictions.decoder.weight": state["bert.embeddings.word_embeddings.weight"].clone()}
        ),
    ),
    ("BertModel", lambda state: [state.update({name.removeprefix("bert."): state.pop(name)}) for name in list(state)]),
    ("BertModel", lambda state: state.update({"bert.embeddings.position_ids": torch.arange(130)})),
]


@pytest.mark.parametrize(("architecture", "change"), FILES, ids=range(len(FILES)))
def test_a_cut_file_has_the_tensors_of_the_original_whatever_class_reads_them(
    architecture: str, change: Any, tmp_path: Path
) -> None:
    save_tiny(tmp_path / "model", transformers.BertForPreTraining, num_hidden_layers=3)
    edit_tensors(tmp_path / "model", change)
    edit_config(tmp_path / "model", architectures=[architecture])
    analysis = analyze(tmp_path / "model", sample(12, heldout=3), out=tmp_path / "analysis")
    done = compress(analysis, uneven(analysis), tmp_path / "cut", device="cpu")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "cut"))
    canonical = {FAMILIES["bert"].canonical(name) for name, tensor in before.items() if tensor.is_floating_point()}
    assert {name for name in after if not name.endswith(".extra")} == canonical
    assert sum(tensor.numel() for tensor in after.values()) == done.budget.parameters_left
    assert (tmp_path / "cut" / "model.safetensors").stat().st_size == done.budget.bytes_left
    absent = architecture == "BertForSequenceClassification" or change is without_pooler
    with pytest.warns(UserWarning, match="starts at random") if absent else nullcontext():
        one, two = load(tmp_path / "cut", device="cpu").model, load(tmp_path / "cut", device="cpu").model
    assert type(one).__name__ == "Obce" + architecture
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_a_plan_that_cuts_nothing_gives_the_original(tiny_analysis: Analysis, tmp_path: Path) -> None:
    done = compress(tiny_analysis, resolve(tiny_analysis, PruneSpec()), tmp_path / "cut", device="cpu")
    assert (done.difference, done.budget.parameters_cut) == (0.0, 0)
    assert done.fidelity.cls == pytest.approx(1.0)


def test_hooks_are_taken_off_even_when_the_block_fails(tiny_analysis: Analysis) -> None:
    loaded = load_model(tiny_analysis.meta["model"]["spec"], device="cpu")
    with (
        pytest.raises(ZeroDivisionError),
        masked(loaded.base, loaded.report.family, removed_neurons(tiny_analysis, uneven(tiny_analysis))),
    ):
        raise ZeroDivisionError
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in loaded.base.modules())
