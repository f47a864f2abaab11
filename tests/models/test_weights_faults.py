"""Damaged weights: each fault in one line that names the file, nothing built, nothing hung."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import copy_folder, edit_config, edit_tensors, save_tiny

from obce_core.errors import ModelError, NotFinite, ObceError
from obce_core.models import check_model
from obce_core.models.load import load_model, read_state
from obce_core.models.weights import TensorInfo, read_header

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def packed(header: object, data: bytes = b"") -> bytes:
    """Lay out a safetensors file by hand."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


# the file's bytes, the start of the message after "model.safetensors"
FILES = [
    (
        "lfs pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 440449768\n",
        " is a Git LFS pointer (73 bytes), not weights. Run git lfs pull.",
    ),
    ("web page", b"<!DOCTYPE html><html><body>404</body></html>", " is a web page, not weights."),
    ("another web page", b"\n  <html lang=en>\n" + b" " * 200, " is a web page, not weights."),
    ("nothing", b"", " is empty."),
    ("seven bytes", b"1234567", " (7 bytes) is not a safetensors file."),
    ("huge header", struct.pack("<Q", 2**40) + b"{}", " (10 bytes) is not a safetensors file."),
    ("largest header", b"\xff" * 64, " (64 bytes) is not a safetensors file."),
    ("header cut short", packed({"x": ENTRY}, bytes(8))[:20], " is incomplete: its header alone has"),
    ("zip of torch.save", b"PK\x03\x04" + b"x" * 100, " holds pickled data, not safetensors."),
    ("old pickle", b"\x80\x02}q\x00" + b"x" * 100, " holds pickled data, not safetensors."),
    ("header is no JSON", packed(b"{" * 20), " (28 bytes) is not a safetensors file."),
    ("header is deep", packed(b'{"x":' + b"[" * 100_000), ": its header is nested deeper than 32 levels."),
    ("header is a list", packed([1]), " (11 bytes) is not a safetensors file."),
    ("header is no UTF-8", packed(b'{"\xff":1}'), " (15 bytes) is not a safetensors file."),
    ("entry is a number", packed({"x": 3}), " (16 bytes) is not a safetensors file."),
    ("entry without offsets", packed({"x": {"dtype": "F32", "shape": [2]}}, bytes(8)), " ("),
    ("three offsets", packed({"x": ENTRY | {"data_offsets": [0, 8, 9]}}, bytes(8)), " ("),
    ("one offset", packed({"x": ENTRY | {"data_offsets": [0]}}, bytes(8)), " ("),
    ("infinite offset", packed(b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,1e999]}}', bytes(8)), " ("),
    ("offset as text", packed({"x": ENTRY | {"data_offsets": ["0", "8"]}}, bytes(8)), " ("),
    ("dtype is a list", packed({"x": ENTRY | {"dtype": ["F32"]}}, bytes(8)), ": tensor 'x' has unknown dtype"),
    (
        "dtype unknown",
        packed({"x": ENTRY | {"dtype": "F8_E4M3"}}, bytes(8)),
        ": tensor 'x' has unknown dtype 'F8_E4M3'.",
    ),
    ("shape is text", packed({"x": ENTRY | {"shape": "ab"}}, bytes(8)), ": tensor 'x' does not fit its place"),
    ("negative shape", packed({"x": ENTRY | {"shape": [-2]}}, bytes(8)), ": tensor 'x' does not fit its place"),
    ("fractional shape", packed({"x": ENTRY | {"shape": [2.0]}}, bytes(8)), ": tensor 'x' does not fit its place"),
    ("shape too large", packed({"x": ENTRY | {"shape": [3]}}, bytes(12)), ": tensor 'x' does not fit its place"),
    (
        "shape of truth values",
        packed({"x": ENTRY | {"shape": [True, 2]}}, bytes(8)),
        ": tensor 'x' does not fit its place",
    ),
    ("rank 9", packed({"x": ENTRY | {"shape": [1] * 8 + [2]}}, bytes(8)), ": tensor 'x' has 9 dimensions; limit 8."),
    (
        "rank 200,000",
        packed({"x": ENTRY | {"shape": [2**60] * 200_000}}, bytes(8)),
        ": tensor 'x' has 200,000 dimensions; limit 8.",
    ),
    (
        "sides of 400 digits",
        packed({"x": ENTRY | {"shape": [10**400] * 8}}, bytes(8)),
        ": tensor 'x' does not fit its place",
    ),
    (
        "side of 5,000 digits",
        packed(b'{"x":{"dtype":"F32","shape":[' + b"9" * 5000 + b"]}}"),
        " (5,040 bytes) is not a safetensors file.",
    ),
    ("same name twice", packed(b'{"x":{},"x":{}}'), " (23 bytes) is not a safetensors file."),
    ("name of 4 MB", packed({"x" * 4_000_000: ENTRY | {"shape": [3]}}, bytes(8)), ": tensor 'xxx"),
    ("escaped quotes", packed(b'{"' + rb"\"" * 1_000_000), " (2,000,010 bytes) is not a safetensors file."),
    ("a million values", packed({"x": [1] * 1_000_001}), ": its header holds more than 1,000,000 values."),
    ("header above its limit", packed({"x" * 5_000_000: 1}), ": its header has 5,000,007 bytes; limit 5,000,000."),
    (
        "gap between tensors",
        packed({"x": ENTRY, "y": ENTRY | {"data_offsets": [12, 20]}}, bytes(20)),
        ": tensor 'y' does not fit",
    ),
    ("overlap", packed({"x": ENTRY, "y": ENTRY | {"data_offsets": [4, 12]}}, bytes(12)), ": tensor 'y' does not fit"),
    ("data cut short", packed({"x": ENTRY}, bytes(5)), " is incomplete: header promises 0.0 MB, file has 0.0 MB."),
    ("data too long", packed({"x": ENTRY}, bytes(12)), " has 4 bytes that belong to no tensor."),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the smallest model that is allowed."""
    return save_tiny(
        tmp_path_factory.mktemp("small") / "small",
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
    )


@pytest.fixture
def model(small: Path, tmp_path: Path) -> Path:
    """Copy the small model, to be damaged."""
    return copy_folder(small, tmp_path / "model")


def fault(folder: Path) -> ObceError:
    """Return the error that loading the folder gives, which must be one line."""
    with pytest.raises(ObceError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return caught.value


@pytest.mark.parametrize(("name", "raw", "message"), FILES, ids=[name for name, _, _ in FILES])
def test_a_file_that_holds_no_weights_is_told_by_its_kind(name: str, raw: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw)
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert str(caught.value).startswith("model.safetensors" + message)
    assert "\n" not in str(caught.value)


def test_a_good_header_lists_every_tensor(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    header = {
        "__metadata__": {"format": "pt"},
        "y": ENTRY | {"data_offsets": [8, 16]},
        "x": ENTRY,
        "z": ENTRY | {"shape": [0], "data_offsets": [0, 0]},
    }
    path.write_bytes(packed(header, bytes(16)))
    assert read_header(path) == {
        "y": TensorInfo("F32", (2,)),
        "x": TensorInfo("F32", (2,)),
        "z": TensorInfo("F32", (0,)),
    }


def test_the_first_half_of_a_file_is_incomplete(model: Path) -> None:
    path = model / "model.safetensors"
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    assert str(fault(model)).startswith("model.safetensors is incomplete: header promises 0.0 MB, file has 0.0 MB.")


def test_bytes_after_the_end_are_refused(model: Path) -> None:
    with (model / "model.safetensors").open("ab") as stream:
        stream.write(b"PK\x03\x04")
    assert str(fault(model)) == "model.safetensors has 4 bytes that belong to no tensor. Download it again."


def test_random_damage_is_an_error_or_a_model_and_never_a_crash(model: Path) -> None:
    path = model / "model.safetensors"
    raw = path.read_bytes()
    rng = np.random.default_rng(20)
    header = 8 + int.from_bytes(raw[:8], "little")
    outcomes = {"loaded": 0, "refused": 0}
    for trial in range(300):
        damaged = bytearray(raw)
        if trial % 3 == 0:
            damaged = damaged[: rng.integers(0, len(raw))]
        else:
            end = header if trial % 3 == 1 else len(raw)  # a third of the damage goes into the header alone
            for at in rng.integers(0, end, size=rng.integers(1, 4)):
                damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            state = read_state(check_model(model))
        except ObceError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
        else:
            assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values())
            outcomes["loaded"] += 1
    assert sum(outcomes.values()) == 300
    assert min(outcomes.values()) > 20


def drop_every_second(state: dict[str, Any]) -> None:
    for name in sorted(state)[::2]:
        del state[name]


def only_one(state: dict[str, Any]) -> None:
    state.clear()
    state["x"] = torch.zeros(40_000)


# what is done to the tensors, the message
TENSORS = [
    (
        lambda s: s.pop("encoder.layer.0.output.dense.bias"),
        "1 of 21 tensors of the encoder are missing in model.safetensors (first: encoder.layer.0.output.dense.bias). "
        "Results would be random numbers, so the model is not loaded.",
    ),
    (drop_every_second, "11 of 21 tensors of the encoder are missing in model.safetensors (first: "),
    (
        only_one,
        "21 of 21 tensors of the encoder are missing in model.safetensors (first: embeddings.word_embeddings.weight).",
    ),
    (
        lambda s: s.update({"embeddings.LayerNorm.bias": torch.zeros(9)}),
        "model.safetensors: embeddings.LayerNorm.bias has shape [9], config.json asks for [8]. The folder does not "
        "belong together.",
    ),
    (
        lambda s: s.update({"embeddings.LayerNorm.bias": torch.zeros(8, dtype=torch.int64)}),
        "model.safetensors: embeddings.LayerNorm.bias has dtype I64; expected one of F64, F32, F16, BF16.",
    ),
    (
        lambda s: s.update({"pooler.dense.weight": torch.zeros(3, 8)}),
        "model.safetensors: pooler.dense.weight has shape [3, 8], BertModel asks for [8, 8].",
    ),
]


@pytest.mark.parametrize(("change", "message"), TENSORS, ids=range(len(TENSORS)))
def test_tensors_that_do_not_make_an_encoder_are_named(change: Any, message: str, model: Path) -> None:
    edit_tensors(model, change)
    assert str(fault(model)).startswith(message)
    assert isinstance(fault(model), ModelError)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["encoder.layer.0.intermediate.dense.weight", "pooler.dense.bias"])
def test_a_tensor_that_is_not_finite_is_named(name: str, bad: float, model: Path) -> None:
    edit_tensors(model, lambda state: state[name].view(-1)[:1].fill_(bad))
    error = fault(model)
    assert isinstance(error, NotFinite)
    assert str(error) == f"model.safetensors: 1 tensor contains NaN or inf (first: {name}). The weights are damaged."


def test_two_tensors_that_are_not_finite_are_counted(model: Path) -> None:
    edit_tensors(
        model,
        lambda state: [
            state[f"encoder.layer.0.output.dense.{part}"].fill_(float("nan")) for part in ("bias", "weight")
        ],
    )
    assert "2 tensors contain NaN or inf" in str(fault(model))


# changed fields of config.json, the message
CONFIGS = [
    (
        {"vocab_size": 2_000_000, "hidden_size": 4096, "num_attention_heads": 8},
        "config.json describes about 33.0 GB of weights but model.safetensors is 0.0 MB. The folder does not belong "
        "together.",
    ),
    ({"num_hidden_layers": 96, "intermediate_size": 32768}, "config.json describes about"),
    ({"num_hidden_layers": 2}, "16 of 37 tensors of the encoder are missing"),
    (
        {"intermediate_size": 12},
        "model.safetensors: encoder.layer.0.intermediate.dense.weight has shape [8, 8], config.json asks for [12, 8].",
    ),
    ({"num_hidden_layers": 1_000_000}, "config.json: num_hidden_layers is 1000000; allowed 1–96."),
    (
        {"model_type": "evil", "auto_map": {"AutoModel": "modeling_evil.Evil"}},
        "This model needs custom code (auto_map in config.json); custom code is never run. Supported: BERT encoders.",
    ),
    ({"auto_map": {"AutoModel": "modeling_evil.Evil"}}, "This model needs custom code (auto_map in config.json)"),
    ({"model_type": "roberta"}, "The model type 'roberta' cannot be cut."),
    ({"model_type": ["bert"]}, "The model type \"['bert']\" cannot be cut."),
    ({"is_decoder": True}, "config.json: is_decoder is true"),
    ({"position_embedding_type": "relative_key"}, "config.json: position_embedding_type is 'relative_key'"),
    ({"pad_token_id": 71}, "config.json: pad_token_id 71 is not below vocab_size 71."),
    ({"architectures": ["Evil"]}, "Unknown BERT architecture 'Evil'; known: BertModel,"),
    ({"architectures": "BertModel"}, "config.json: architectures is BertModel; expected a list of names."),
    ({"architectures": [3]}, "config.json: architectures is [3]; expected a list of names."),
]


@pytest.mark.parametrize(("change", "message"), CONFIGS, ids=range(len(CONFIGS)))
def test_a_config_that_does_not_fit_is_told(change: dict[str, Any], message: str, model: Path) -> None:
    edit_config(model, **change)
    assert str(fault(model)).startswith(message)


def test_code_in_the_folder_is_never_run(model: Path, tmp_path: Path) -> None:
    mark = tmp_path / "PWNED"
    (model / "modeling_evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Evil: pass\n")
    edit_config(
        model, model_type="evil", auto_map={"AutoConfig": "modeling_evil.Evil", "AutoModel": "modeling_evil.Evil"}
    )
    fault(model)
    edit_config(model, model_type="bert", auto_map={})
    path = model / "tokenizer_config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoTokenizer": ["modeling_evil.Evil", None]}})
    )
    assert str(fault(model)) == "tokenizer_config.json asks for custom code (auto_map); custom code is never run."
    assert not mark.exists()


def test_keys_that_reach_for_other_code_are_ignored_and_named(model: Path) -> None:
    hostile = {
        "_attn_implementation": "evil/kernel",
        "attn_implementation": "evil/kernel",
        "_attn_implementation_internal": "evil/kernel",
    }
    edit_config(model, **hostile, torchscript=True, name_or_path="/etc")
    loaded = load_model(model)
    assert set(hostile) <= set(loaded.report.ignored)
    assert loaded.model.config._attn_implementation in {"sdpa", "eager"}
    assert loaded.model.config.name_or_path != "/etc"


def test_a_head_is_allowed_to_be_more_than_the_encoder_needs(model: Path) -> None:
    edit_tensors(
        model, lambda state: state.update({"cls.predictions.bias": torch.zeros(71), "strange.tensor": torch.zeros(3)})
    )
    report = check_model(model)
    assert set(report.extra) == {"pooler.dense.weight", "pooler.dense.bias", "cls.predictions.bias", "strange.tensor"}
    load_model(report)


def test_an_absent_pooler_is_started_the_same_way_each_time(model: Path) -> None:
    edit_tensors(model, lambda state: [state.pop(name) for name in ("pooler.dense.weight", "pooler.dense.bias")])
    one, two = load_model(model).model.pooler, load_model(model).model.pooler
    assert torch.equal(one.dense.weight, two.dense.weight)
    assert 0.005 < float(one.dense.weight.detach().std()) < 0.05
    assert not one.dense.bias.any()


def test_the_layer_norms_of_old_files_are_read(model: Path) -> None:
    before = load_model(model).model.state_dict()

    def rename(state: dict[str, Any]) -> None:
        for name in list(state):
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            state[f"bert.{old}"] = state.pop(name)

    edit_tensors(model, rename)
    after = load_model(model).model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "encoder.layer.0.output.LayerNorm.weight" in after


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_read_as_float32(dtype: torch.dtype, model: Path) -> None:
    edit_tensors(model, lambda state: state.update({name: tensor.to(dtype) for name, tensor in state.items()}))
    assert {tensor.dtype for tensor in load_model(model).model.parameters()} == {torch.float32}


def test_whole_numbers_beside_the_weights_are_left_out_of_the_count(model: Path) -> None:
    before = check_model(model)
    edit_tensors(model, lambda state: state.update({"embeddings.position_ids": torch.arange(8).reshape(1, 8)}))
    after = check_model(model)
    assert after.parameters == before.parameters
    assert (
        after.encoder_parameters
        == before.encoder_parameters
        == sum(t.numel() for n, t in load_model(model).model.named_parameters() if n.startswith("encoder.layer."))
    )


# file, its content, fragment of the message
TOKENIZERS = [
    ("tokenizer.json", b"{}", "The tokenizer in"),
    ("tokenizer.json", b"\xff\xfe", "tokenizer.json cannot be read: it is not UTF-8 text."),
    ("tokenizer_config.json", b"[1]", "tokenizer_config.json must be an object, found a list."),
    ("tokenizer_config.json", b"{", "tokenizer_config.json is not valid JSON at line 1 column 2."),
]


@pytest.mark.parametrize(("name", "raw", "message"), TOKENIZERS, ids=range(len(TOKENIZERS)))
def test_a_damaged_tokenizer_is_named(name: str, raw: bytes, message: str, model: Path) -> None:
    (model / name).write_bytes(raw)
    assert str(fault(model)).startswith(message)


def test_a_model_without_a_tokenizer_says_so(model: Path) -> None:
    for path in [*model.glob("tokenizer*"), *model.glob("vocab*")]:
        path.unlink()
    assert "has no tokenizer (tokenizer.json, vocab.txt, …). Save the tokenizer there too." in str(fault(model))
