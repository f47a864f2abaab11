"""Every Bert head loads through the checked door and gives what transformers gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from tiny import copy_folder, edit_tensors, save_tiny, sentences

from obce_core.architectures import FAMILIES
from obce_core.errors import BadInput
from obce_core.models import check_model
from obce_core.models.batching import batches, encode
from obce_core.models.load import choose_device, choose_dtype, load_model

HEADS = FAMILIES["bert"].architectures()


def outputs(model: torch.nn.Module, folder: Path) -> list[torch.Tensor]:
    """Run a batch with padding and return every tensor that comes out."""
    tokenizer = load_model(folder).tokenizer
    (batch,) = batches(encode(tokenizer, sentences(5)), 5)
    many = type(model).__name__.endswith("MultipleChoice")
    ids, mask = (batch.ids[None], batch.mask[None]) if many else (batch.ids, batch.mask)
    with torch.inference_mode():
        found = model(input_ids=ids, attention_mask=mask)
    return [tensor for tensor in found.to_tuple() if tensor is not None]


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(
    "options", [{}, {"tie_word_embeddings": False, "num_labels": 5, "hidden_act": "gelu_new"}], ids=["plain", "other"]
)
def test_a_head_loads_equal_to_the_stock_loader(name: str, options: dict[str, object], tmp_path: Path) -> None:
    cls = getattr(transformers, name)
    if name == "BertForQuestionAnswering":
        options = {key: value for key, value in options.items() if key != "num_labels"}  # its labels are start and end
    folder = save_tiny(tmp_path / name, cls, num_hidden_layers=2, **options)
    stock = cls.from_pretrained(folder).eval()
    loaded = load_model(folder)
    assert type(loaded.model) is cls
    assert loaded.report.architecture == name
    assert not loaded.model.training
    assert type(loaded.base).__name__ == "BertModel"
    ours = outputs(loaded.model, folder)
    assert len(ours) >= 1
    assert all(torch.equal(a, b) for a, b in zip(ours, outputs(stock, folder), strict=True))
    assert loaded.report.parameters == sum(info.count for info in loaded.report.tensors.values())


def test_the_demo_loads_equal_to_the_stock_loader(needs_demo: None) -> None:
    loaded = load_model("demo")
    stock = transformers.BertModel.from_pretrained(loaded.report.source.folder).eval()
    words = loaded.tokenizer(["Rivers carry silt to the sea.", "Tin melts."], padding=True, return_tensors="pt")
    with torch.inference_mode():
        assert torch.equal(loaded.model(**words).last_hidden_state, stock(**words).last_hidden_state)


def test_the_base_of_a_head_loads_from_a_file_with_or_without_its_prefix(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "prefixed")
    edit_tensors(folder, lambda state: [state.update({f"bert.{name}": state.pop(name)}) for name in list(state)])
    one, two = load_model(tiny_folder).model.state_dict(), load_model(folder).model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_labels_reach_the_model(tmp_path: Path) -> None:
    folder = save_tiny(
        tmp_path / "m",
        transformers.BertForSequenceClassification,
        num_hidden_layers=1,
        id2label={0: "no", 1: "maybe", 2: "yes"},
    )
    model = load_model(folder).model
    assert model.config.id2label == {0: "no", 1: "maybe", 2: "yes"}
    assert model.classifier.out_features == 3


def test_a_computation_type_is_the_models_own(tiny_folder: Path) -> None:
    assert next(load_model(tiny_folder, dtype="bfloat16").model.parameters()).dtype is torch.bfloat16
    assert next(load_model(check_model(tiny_folder), device="cpu").model.parameters()).dtype is torch.float32


@pytest.mark.parametrize("name", ["tpu9", "", "xpu", "meta", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(BadInput, match=r"Unknown device|Device .* does not exist"):
        choose_device(name)


def test_a_device_and_a_type_are_found_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    assert choose_dtype("bfloat16") is torch.bfloat16
    with pytest.raises(BadInput, match="Unknown dtype 'int8'; known: float32, bfloat16, float16, float64"):
        choose_dtype("int8")
