"""`from_pretrained` of a cut model: embeddings and encoder tensor by tensor; heads and pooler as in stock
transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tiny import copy_folder, edit_config, edit_tensors

from obce_core.architectures.modeling_obce import AUTO_CLASSES, ObceBertForMaskedLM, ObceBertModel

LAYER = "encoder.layer.1.attention.self"
# what is done to the tensors, the error's end
DAMAGED: list[tuple[Any, str]] = [
    (lambda s: s.pop(f"{LAYER}.key.extra"), f"tensor {LAYER}.key.extra is missing; the model is not loaded."),
    (lambda s: s.pop(f"{LAYER}.query.bias"), f"tensor {LAYER}.query.bias is missing; the model is not loaded."),
    (lambda s: s.pop("encoder.layer.0.output.dense.weight"), "tensor encoder.layer.0.output.dense.weight is missing"),
    (lambda s: s.pop("embeddings.LayerNorm.weight"), "tensor embeddings.LayerNorm.weight is missing"),
    (lambda s: s.pop("embeddings.word_embeddings.weight"), "tensor embeddings.word_embeddings.weight is missing"),
    (
        lambda s: s.update({f"{LAYER}.value.extra": torch.zeros(1, 24)}),
        f"tensor {LAYER}.value.extra belongs to no part of this model",
    ),
    (
        lambda s: s.update({"encoder.layer.4.output.dense.bias": torch.zeros(24)}),
        "tensor encoder.layer.4.output.dense.bias belongs to no",
    ),
    (
        lambda s: s.update({f"{LAYER}.query.weight": torch.zeros(24, 24)}),
        f"tensor {LAYER}.query.weight has shape [24, 24], expected [21, 24]; the model is not loaded.",
    ),
    (
        lambda s: s.update({f"{LAYER}.key.extra": torch.zeros(3, 24)}),
        f"tensor {LAYER}.key.extra has shape [3, 24], expected [2, 24]",
    ),
    (
        lambda s: s.update({"embeddings.position_embeddings.weight": torch.zeros(99, 24)}),
        "tensor embeddings.position_embeddings.weight has shape [99, 24], expected [130, 24]",
    ),
]


@pytest.mark.parametrize("options", [{}, {"ignore_mismatched_sizes": True}], ids=["plain", "lenient"])
@pytest.mark.parametrize(("change", "message"), DAMAGED, ids=range(len(DAMAGED)))
def test_a_tensor_of_the_encoder_that_does_not_fit_is_named(
    change: Any, message: str, options: dict[str, Any], cut: Path, tmp_path: Path
) -> None:
    folder = copy_folder(cut, tmp_path / "model")
    edit_tensors(folder, change)
    with pytest.raises(ValueError) as caught:
        transformers.AutoModel.from_pretrained(folder, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(("change", "message"), DAMAGED, ids=range(len(DAMAGED)))
def test_a_head_is_as_strict_about_the_encoder_below_it(change: Any, message: str, cut: Path, tmp_path: Path) -> None:
    folder = copy_folder(cut, tmp_path / "model")
    edit_tensors(folder, change)
    with pytest.raises(ValueError) as caught:
        transformers.AutoModelForTokenClassification.from_pretrained(folder)
    assert message in str(caught.value).replace("tensor bert.", "tensor ")


def test_widths_that_name_another_number_of_layers_are_refused(cut: Path, tmp_path: Path) -> None:
    folder = copy_folder(cut, tmp_path / "model")
    edit_config(folder, widths=[None])
    with pytest.raises(ValueError, match="widths"):
        transformers.AutoModel.from_pretrained(folder)


def report(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what transformers said while it loaded."""
    return caplog.text + capsys.readouterr().err


@pytest.mark.parametrize("auto", sorted(set(AUTO_CLASSES) - {"AutoModel"}))
def test_a_head_that_the_file_lacks_starts_at_random_and_that_is_said(
    auto: str, cut: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    transformers.utils.logging.set_verbosity_warning()
    model, info = getattr(transformers, auto).from_pretrained(cut, output_loading_info=True)
    assert type(model).__name__ == AUTO_CLASSES[auto]
    assert info["missing_keys"] and all(
        name.split(".")[0] in {"cls", "classifier", "qa_outputs"} for name in info["missing_keys"]
    )
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    said = report(caplog, capsys)
    assert "MISSING" in said and next(iter(sorted(info["missing_keys"]))) in said
    drawn = [
        model.get_parameter(name)
        for name in sorted(info["missing_keys"])
        if name.endswith("weight") and "LayerNorm" not in name
    ]
    assert all(0.001 < float(tensor.detach().std()) < 0.1 for tensor in drawn)


def test_heads_and_a_pooler_that_are_left_over_are_ignored_and_that_is_said(
    cut_heads: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    transformers.utils.logging.set_verbosity_warning()
    model, info = transformers.AutoModelForMaskedLM.from_pretrained(cut_heads, output_loading_info=True)
    assert info["missing_keys"] == set()
    assert {name for name in info["unexpected_keys"] if not name.startswith("cls.seq_relationship")} == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
    }
    said = report(caplog, capsys)
    assert "UNEXPECTED" in said and "cls.seq_relationship.weight" in said
    assert type(model) is ObceBertForMaskedLM


def test_a_pooler_may_be_absent(cut: Path, tmp_path: Path) -> None:
    folder = copy_folder(cut, tmp_path / "model")
    edit_tensors(folder, lambda state: [state.pop(f"pooler.dense.{part}") for part in ("weight", "bias")])
    model, info = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert type(model) is ObceBertModel
    assert info["missing_keys"] == {"pooler.dense.weight", "pooler.dense.bias"}
    assert transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).pooler is None


def test_a_head_of_another_size_is_an_error_unless_it_is_allowed(cut: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(cut, num_labels=5)
    model.save_pretrained(tmp_path / "five")
    load = transformers.AutoModelForSequenceClassification.from_pretrained
    with pytest.raises(
        ValueError, match=r"tensor classifier.bias has shape \[5\], expected \[3\]; the model is not loaded."
    ):
        load(tmp_path / "five", num_labels=3)
    other = load(tmp_path / "five", num_labels=3, ignore_mismatched_sizes=True)
    assert other.classifier.out_features == 3
    assert torch.equal(other.bert.state_dict()[f"{LAYER}.key.extra"], model.bert.state_dict()[f"{LAYER}.key.extra"])
