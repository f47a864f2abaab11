"""A family from outside: transformers' own DistilBERT, by one class and one row, with no change in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import SIZES, randomize, sample, save_tokenizer, sentences
from transformers import DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from obce_core.architectures import FAMILIES, AttentionSite, EncoderShape, Family
from obce_core.architectures.config import Field
from obce_core.architectures.modeling_obce import shrink_layer
from obce_core.components import COMPONENTS, CUTTABLE
from obce_core.compression.build import compress
from obce_core.compression.checkpoint import load
from obce_core.compression.fidelity import largest_difference
from obce_core.compression.masked import masked
from obce_core.compression.replacement import removed_neurons
from obce_core.errors import ModelError
from obce_core.models import check_model
from obce_core.models.batching import batches, encode
from obce_core.models.load import load_model
from obce_core.plan import (
    Compensation,
    ManualOverride,
    PruneSpec,
    count,
    from_document,
    make_plan,
    resolve,
    to_document,
)

LINEAR = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "attention_output": "attention.out_lin",
    "intermediate": "ffn.lin1",
    "output": "ffn.lin2",
}
BLOCK = {"attention_output": "sa_layer_norm", "output": "output_layer_norm"}


class ObceDistilBertConfig(DistilBertConfig):
    """A DistilBertConfig with the widths of every layer."""

    model_type = "obce-distilbert"

    widths: list | None = None


class _Uneven:
    config_class = ObceDistilBertConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        for layer, widths in zip(self.base_model.transformer.layer, config.widths or (), strict=bool(config.widths)):
            if widths is not None:
                shrink_layer(layer, widths, {"attention": "attention", **LINEAR})


class ObceDistilBertModel(_Uneven, DistilBertModel):
    """A cut DistilBertModel."""


class ObceDistilBertForSequenceClassification(_Uneven, DistilBertForSequenceClassification):
    """A cut DistilBertForSequenceClassification."""


STOCK = {cls.__name__: cls for cls in (DistilBertModel, DistilBertForSequenceClassification)}
COMPACT = {cls.__name__: cls for cls in (ObceDistilBertModel, ObceDistilBertForSequenceClassification)}


class DistilBert(Family):
    """DistilBertModel and one of its heads."""

    model_type = "distilbert"
    title = "DistilBERT"
    root = "distilbert"
    layers = "transformer.layer"
    linears = LINEAR
    blocks = BLOCK
    norms = tuple(BLOCK.values())
    fields = (
        Field(name="vocab_size", kind=int, low=8, high=2_000_000),
        Field(name="dim", kind=int, low=8, high=4096),
        Field(name="n_layers", kind=int, low=1, high=96),
        Field(name="n_heads", kind=int, low=1, high=256),
        Field(name="hidden_dim", kind=int, low=8, high=32_768),
        Field(name="max_position_embeddings", kind=int, low=8, high=65_536, default=512),
        Field(name="pad_token_id", kind=int, low=0, high=2_000_000, default=0),
        Field(name="activation", kind=str, choices=("gelu", "relu"), default="gelu"),
    )

    def shape(self, config: Mapping[str, Any]) -> EncoderShape:
        return EncoderShape(
            layers=config["n_layers"],
            hidden=config["dim"],
            heads=config["n_heads"],
            head_size=config["dim"] // config["n_heads"],
            intermediate=config["hidden_dim"],
        )

    def attention(self, layer: int) -> AttentionSite:
        return AttentionSite(path=f"{self.layers}.{layer - 1}.attention")

    def embedding_tensors(self, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        return {
            "embeddings.word_embeddings.weight": (config["vocab_size"], config["dim"]),
            "embeddings.position_embeddings.weight": (config["max_position_embeddings"], config["dim"]),
            "embeddings.LayerNorm.weight": (config["dim"],),
            "embeddings.LayerNorm.bias": (config["dim"],),
        }

    def architectures(self) -> tuple[str, ...]:
        return tuple(STOCK)

    def model_class(self, architecture: str) -> type:
        return STOCK[self.architecture(architecture)]

    def compact_class(self, architecture: str) -> type:
        return COMPACT["Obce" + self.architecture(architecture)]


@pytest.fixture(autouse=True)
def one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the family to the table, and nothing else anywhere."""
    monkeypatch.setitem(FAMILIES, "distilbert", DistilBert())


@pytest.fixture(params=list(STOCK))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Save a random DistilBERT with a tokenizer."""
    sizes = {
        "vocab_size": SIZES["vocab_size"],
        "dim": 24,
        "n_layers": 3,
        "n_heads": 3,
        "hidden_dim": 40,
        "max_position_embeddings": 130,
        "num_labels": 4,
    }
    model = STOCK[request.param](DistilBertConfig(**sizes)).eval()
    randomize(model, seed=3)
    model.save_pretrained(tmp_path / "model")
    save_tokenizer(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def analysis(folder: Path) -> Analysis:
    return analyze(folder, sample(14, heldout=5), batch_size=4)


def test_it_is_checked_and_loads_equal_to_the_stock_loader(folder: Path) -> None:
    loaded = load_model(folder, device="cpu")
    stock = type(loaded.model).from_pretrained(folder).eval()
    (batch,) = batches(encode(loaded.tokenizer, sentences(5)), 5)
    with torch.inference_mode():
        assert torch.equal(
            loaded.model(input_ids=batch.ids, attention_mask=batch.mask)[0],
            stock(input_ids=batch.ids, attention_mask=batch.mask)[0],
        )
    state = {name: tuple(tensor.shape) for name, tensor in loaded.base.state_dict().items()}
    assert DistilBert().tensors(loaded.report.config) == state


def test_what_is_collected_is_what_its_modules_hand_on(analysis: Analysis, folder: Path) -> None:
    loaded = load_model(folder, device="cpu")
    seen: dict[str, torch.Tensor] = {}
    for name, module in loaded.base.named_modules():
        module.register_forward_hook(
            lambda _, __, out, name=name: seen.update({name: out[0] if isinstance(out, tuple) else out})
        )
    for row, text in enumerate(analysis.texts.texts[:4]):
        with torch.inference_mode():
            loaded.base(**loaded.tokenizer(text, return_tensors="pt"))
        for component in COMPONENTS:
            at = (
                "transformer.layer.1.ffn.activation"
                if component == "intermediate"
                else f"transformer.layer.1.{LINEAR[component]}"
            )
            assert analysis.outputs(2, component)[row] == pytest.approx(seen[at][0, 0].numpy(), abs=2e-5)
    assert [c for c in COMPONENTS if analysis.degenerate(1, c)] == ["query", "key", "value"]


@pytest.mark.parametrize("method", ["mean+std", "zero"])
def test_it_plans_folds_and_the_cut_model_is_the_masked_one(
    method: Any, analysis: Analysis, folder: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    drop = [
        ManualOverride(
            layer=layer,
            component=name,
            neurons=tuple(int(n) for n in np.flatnonzero(rng.random(analysis.shape.width(name)) < 0.5)),
        )
        for layer in (1, 2, 3)
        for name in CUTTABLE
    ]
    drop[2] = ManualOverride(layer=1, component="value", neurons=tuple(range(8)))
    plan = resolve(analysis, PruneSpec(drop=tuple(drop), compensation=Compensation(method=method, tokens="all")))
    done = compress(analysis, plan, tmp_path / "cut", device="cpu")
    assert done.difference <= 1e-5
    assert (
        (tmp_path / "cut" / "model.safetensors").stat().st_size
        == done.budget.bytes_left
        == count(analysis, plan).bytes_left
    )

    original = load_model(folder, device="cpu")
    model, tokenizer = load(tmp_path / "cut", device="cpu")
    assert type(model) is COMPACT["Obce" + original.report.architecture]
    texts = encode(tokenizer, sentences(9, seed=5))
    with masked(original.base, original.report.family, removed_neurons(analysis, plan)):
        assert largest_difference(original.model, model, texts, batch_size=9) <= 1e-5
    assert largest_difference(original.model, model, texts, batch_size=9) > 1e-2
    assert sum(tensor.numel() for tensor in model.state_dict().values()) == done.budget.parameters_left
    assert to_document(from_document(to_document(plan), analysis)) == to_document(plan)
    again = load_model(tmp_path / "cut", device="cpu")
    assert largest_difference(model, again.model, texts, batch_size=9) <= 1e-5


def test_predictions_are_folded_into_it_as_well(analysis: Analysis, tmp_path: Path) -> None:
    cells = {layer: {"value": 50.0, "intermediate": 50.0} for layer in (1, 2, 3)} | {3: dict.fromkeys(CUTTABLE, 50.0)}
    cells[1].pop("value")  # all equal on [CLS]
    plan = resolve(analysis, PruneSpec(cells=cells, compensation=Compensation(method="least-squares")))
    done = compress(analysis, plan, tmp_path / "cut", device="cpu")
    assert done.difference <= 1e-5
    assert (tmp_path / "cut" / "model.safetensors").stat().st_size == done.budget.bytes_left


def test_every_way_of_planning_works_on_it(analysis: Analysis) -> None:
    assert make_plan(analysis, preset="paper-scaled").neurons_cut > 0
    assert count(analysis, make_plan(analysis, target_encoder=0.9, first_layer=2)).encoder_share <= 0.9
    assert make_plan(analysis, percentile=50).prune_spec.cells.keys() == {3}


def test_without_its_row_it_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FAMILIES, "distilbert")
    with pytest.raises(ModelError, match=r"The model type 'distilbert' cannot be cut. Known families: BERT encoders."):
        check_model(folder)
