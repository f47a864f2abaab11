"""Saved, loaded, pushed, copied: the same model, compact in every file, and the folder always opens again."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

from obce_core.architectures import modeling_obce
from obce_core.architectures.modeling_obce import AUTO_CLASSES, AUTO_MAP, slotted
from obce_core.compression.checkpoint import load

FOLDERS = pytest.mark.parametrize("kind", ["cut", "emptied", "cut_heads"])


@pytest.fixture
def folder(kind: str, request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(kind)
    return found


def hidden(model: Any, words: Any) -> torch.Tensor:
    """Run the base model without gradient."""
    with torch.inference_mode():
        return getattr(model.eval(), "bert", model)(**words).last_hidden_state


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@FOLDERS
def test_transformers_gives_what_the_strict_loader_gives(folder: Path, words: Any) -> None:
    ours = load(folder, device="cpu").model
    theirs = transformers.AutoModel.from_pretrained(folder)
    assert torch.equal(hidden(ours, words), hidden(theirs, words))
    assert hidden(theirs, words).isfinite().all()


@FOLDERS
@pytest.mark.parametrize("auto", sorted(AUTO_CLASSES))
def test_every_class_saves_a_folder_that_every_class_opens(auto: str, folder: Path, words: Any, tmp_path: Path) -> None:
    model = getattr(transformers, auto).from_pretrained(folder)
    model.save_pretrained(tmp_path / "again")
    told = json.loads((tmp_path / "again" / "config.json").read_text())
    assert told["auto_map"] == AUTO_MAP
    assert told["architectures"] == [AUTO_CLASSES[auto]]
    assert told["widths"] == json.loads((folder / "config.json").read_text())["widths"]
    assert (tmp_path / "again" / "modeling_obce.py").read_bytes() == Path(modeling_obce.__file__).read_bytes()
    again = getattr(transformers, auto).from_pretrained(tmp_path / "again")
    other = transformers.AutoModel.from_pretrained(tmp_path / "again")
    assert torch.equal(hidden(model, words), hidden(again, words))
    assert torch.equal(hidden(model, words), hidden(other, words))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert not [path.name for path in (tmp_path / "again").iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]


def test_a_file_in_several_shards_opens_too(cut: Path, words: Any, tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(cut)
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert torch.equal(hidden(model, words), hidden(transformers.AutoModel.from_pretrained(tmp_path / "shards"), words))


def test_a_config_alone_is_saved_with_the_file_that_it_names(cut: Path, tmp_path: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(cut)
    config.auto_map = {"AutoModel": "someone/else--modeling_obce.ObceBertModel"}  # what loading from the hub leaves
    config.save_pretrained(tmp_path / "config")
    assert json.loads((tmp_path / "config" / "config.json").read_text())["auto_map"] == AUTO_MAP
    assert (tmp_path / "config" / "modeling_obce.py").is_file()


@pytest.mark.parametrize("way", ["push_to_hub", "save_pretrained", "tokenizer"])
def test_pushing_sends_a_whole_folder(way: str, cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    def commit(_: Any, *, repo_id: str, operations: list[Any], **__: Any) -> None:
        read = {op.path_in_repo: Path(op.path_or_fileobj).read_bytes() for op in operations}
        sent.update(read, repo=repo_id)

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", lambda _, repo_id, **__: SimpleNamespace(repo_id=repo_id))
    monkeypatch.setattr("huggingface_hub.HfApi.create_commit", commit)
    if way == "tokenizer":
        transformers.AutoTokenizer.from_pretrained(cut).push_to_hub("me/small")
        assert sent["repo"] == "me/small" and "tokenizer.json" in sent
        return
    model = transformers.AutoModel.from_pretrained(cut)
    if way == "push_to_hub":
        model.push_to_hub("me/small")
        assert b"library_name: transformers" in sent["README.md"]
    else:
        model.save_pretrained(tmp_path / "out", push_to_hub=True, repo_id="me/small")
    assert sent["repo"] == "me/small"
    assert sent["modeling_obce.py"] == Path(modeling_obce.__file__).read_bytes()
    assert json.loads(sent["config.json"])["auto_map"] == AUTO_MAP
    for name in set(sent) - {"repo"}:
        (tmp_path / "got").mkdir(exist_ok=True)
        (tmp_path / "got" / name).write_bytes(sent[name])
    assert all(torch.equal(tensor, stored(cut)[name]) for name, tensor in stored(tmp_path / "got").items())


@FOLDERS
def test_one_copy_of_the_weights_is_held_and_the_compact_one_is_counted(folder: Path) -> None:
    model = transformers.AutoModel.from_pretrained(folder)
    state = model.state_dict()
    compact = sum(tensor.numel() for tensor in state.values())
    assert model.num_parameters() == compact
    assert model.num_parameters(exclude_embeddings=True) == compact - sum(
        m.weight.numel() for m in modules(model, torch.nn.Embedding)
    )
    named = {name: tensor for name, tensor in stored(folder).items() if not name.startswith("cls.")}
    assert {name.removeprefix("bert."): tensor.shape for name, tensor in named.items()} == {
        n: t.shape for n, t in state.items()
    }
    assert all(torch.equal(state[name.removeprefix("bert.")], tensor) for name, tensor in named.items())
    for module in slotted(model):
        assert module.padded
        assert not [name for name, value in vars(module).items() if isinstance(value, torch.Tensor)]
        assert {name for name, _ in module.named_parameters()} == {"weight", "bias"}
        assert all(buffer.dtype is torch.bool for buffer in module.buffers())
    held = sum(tensor.numel() for tensor in model.parameters())
    assert held - sum(module.surplus for module in slotted(model)) == compact
    model.requires_grad_(False)
    assert (model.num_parameters(only_trainable=True), model.num_parameters()) == (0, compact)


def modules(model: Any, kind: type) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, kind)]


def test_the_state_is_tensors_and_nothing_else(emptied: Path) -> None:
    state = transformers.AutoModel.from_pretrained(emptied).state_dict()
    assert all(type(tensor) is torch.Tensor for tensor in state.values())
    assert not [name for name in state if "_extra_state" in name]
    assert any(tensor.numel() == 0 for tensor in state.values())


@FOLDERS
def test_a_deep_copy_is_equal_and_its_own(folder: Path, words: Any) -> None:
    model = transformers.AutoModel.from_pretrained(folder)
    twin = copy.deepcopy(model)
    before = hidden(model, words)
    assert torch.equal(before, hidden(twin, words))
    with torch.no_grad():
        for tensor in twin.parameters():
            tensor.zero_()
    assert torch.equal(before, hidden(model, words))
    assert [str(module) for module in slotted(model)] == [str(module) for module in slotted(twin)]


class _Calls(TorchDispatchMode):
    """Write down every operation."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_a_pass_computes_no_weights(cut: Path) -> None:
    model = transformers.AutoModel.from_pretrained(cut).eval()
    assert len(slotted(model)) == 8
    for module in slotted(model):
        with _Calls() as calls, torch.no_grad():
            module(torch.ones(2, 3, module.in_features))
        # the one weight goes into one product; a mask of the bias is as long as the bias
        assert set(calls.names) - {"ones"} <= {"t", "view", "addmm", "_unsafe_view", "masked_fill", "linear"}, (
            calls.names
        )


@FOLDERS
def test_a_model_from_its_config_starts_at_random_and_counts_the_same(folder: Path, words: Any) -> None:
    config = transformers.AutoConfig.from_pretrained(folder)
    for auto in ("AutoModel", "AutoModelForSequenceClassification"):
        model = getattr(transformers, auto).from_config(config)
        base = getattr(model, "bert", model)
        drawn = {
            name: tensor for name, tensor in base.state_dict().items() if tensor.dim() == 2 and tensor.numel() > 20
        }
        assert all(0.01 < float(tensor.std()) < 0.04 for tensor in drawn.values()), auto
        assert all(module.padded for module in slotted(model))
        assert base.num_parameters() == sum(
            tensor.numel() for name, tensor in stored(folder).items() if not name.startswith("cls.")
        )
        assert hidden(model, words).isfinite().all()
    tied = transformers.AutoModelForMaskedLM.from_config(config)
    assert tied.cls.predictions.decoder.weight is tied.bert.embeddings.word_embeddings.weight


def test_the_base_model_of_a_head_is_a_cut_model_of_its_own(cut_heads: Path, words: Any, tmp_path: Path) -> None:
    head = transformers.AutoModelForMaskedLM.from_pretrained(cut_heads)
    assert type(head.bert) is modeling_obce.ObceBertModel and head.bert.pooler is None
    assert head.bert.num_parameters() == sum(tensor.numel() for tensor in head.bert.state_dict().values())
    head.bert.save_pretrained(tmp_path / "base")
    base = transformers.AutoModel.from_pretrained(tmp_path / "base", add_pooling_layer=False)
    assert torch.equal(hidden(base, words), hidden(head, words))


def test_a_model_made_by_its_class_runs_compact_until_it_is_padded(cut: Path, words: Any) -> None:
    model = modeling_obce.ObceBertModel(transformers.AutoConfig.from_pretrained(cut))
    model.load_state_dict(stored(cut))
    assert not any(module.padded for module in slotted(model))
    compact = hidden(model, words)
    assert model.num_parameters() == sum(tensor.numel() for tensor in model.parameters())
    modeling_obce.pad_layers(model)
    padded = hidden(model, words)
    assert torch.allclose(compact, padded, atol=2e-6) and torch.equal(
        padded, hidden(transformers.AutoModel.from_pretrained(cut), words)
    )
