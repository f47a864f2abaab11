"""The allow-list of config.json: what is refused, in one line that names the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from obce_core.architectures.bert import Bert
from obce_core.architectures.config import parse_config, read_fields, read_labels
from obce_core.errors import ConfigError

GOOD: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}

# changed fields, the whole message
REFUSED = [
    ({"hidden_size": 1000000000}, "config.json: hidden_size is 1000000000; allowed 8–4096."),
    ({"hidden_size": 10**400}, f"config.json: hidden_size is 1{'0' * 58}…; allowed 8–4096."),
    ({"hidden_size": 7}, "config.json: hidden_size is 7; allowed 8–4096."),
    ({"hidden_size": -64}, "config.json: hidden_size is -64; allowed 8–4096."),
    ({"hidden_size": "64; rm"}, "config.json: hidden_size is 64; rm; expected a number."),
    ({"hidden_size": True}, "config.json: hidden_size is True; expected a number."),
    ({"hidden_size": [64]}, "config.json: hidden_size is [64]; expected a number."),
    ({"hidden_size": None}, "config.json: hidden_size is None; expected a number."),
    ({"hidden_size": 64.5}, "config.json: hidden_size is 64.5; expected a whole number."),
    ({"num_hidden_layers": 1000000}, "config.json: num_hidden_layers is 1000000; allowed 1–96."),
    ({"num_hidden_layers": 0}, "config.json: num_hidden_layers is 0; allowed 1–96."),
    ({"num_attention_heads": 257}, "config.json: num_attention_heads is 257; allowed 1–256."),
    ({"intermediate_size": 32769}, "config.json: intermediate_size is 32769; allowed 8–32768."),
    ({"vocab_size": 2000001}, "config.json: vocab_size is 2000001; allowed 8–2e+06."),
    ({"max_position_embeddings": 65537}, "config.json: max_position_embeddings is 65537; allowed 8–65536."),
    ({"type_vocab_size": 65}, "config.json: type_vocab_size is 65; allowed 1–64."),
    ({"layer_norm_eps": float("nan")}, "config.json: layer_norm_eps is nan; allowed 1e-20–0.1."),
    ({"layer_norm_eps": float("inf")}, "config.json: layer_norm_eps is inf; allowed 1e-20–0.1."),
    ({"layer_norm_eps": 0}, "config.json: layer_norm_eps is 0; allowed 1e-20–0.1."),
    ({"hidden_dropout_prob": 1.0}, "config.json: hidden_dropout_prob is 1.0; allowed 0–0.99."),
    (
        {"hidden_act": "__import__('os').system"},
        "config.json: hidden_act \"__import__('os').system\" is not one of gelu, gelu_new, relu, gelu_pytorch_tanh.",
    ),
    (
        {"hidden_act": ["gelu"]},
        "config.json: hidden_act \"['gelu']\" is not one of gelu, gelu_new, relu, gelu_pytorch_tanh.",
    ),
    ({"tie_word_embeddings": 1}, "config.json: tie_word_embeddings is 1; expected true or false."),
    (
        {"problem_type": "magic"},
        "config.json: problem_type 'magic' is not one of regression, single_label_classification, "
        "multi_label_classification.",
    ),
]


@pytest.mark.parametrize(
    ("change", "message"), REFUSED, ids=[next(iter(c)) + "-" + str(i) for i, (c, _) in enumerate(REFUSED)]
)
def test_a_field_out_of_its_range_is_named_with_what_is_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_fields(GOOD | change, Bert.fields)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", list(GOOD))
def test_a_missing_size_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^config.json: {name} is missing.$"):
        read_fields({key: value for key, value in GOOD.items() if key != name}, Bert.fields)


def test_fields_that_are_not_listed_are_left_out_and_absent_ones_take_their_default() -> None:
    found = read_fields(
        GOOD | {"_attn_implementation": "evil/kernel", "torchscript": True, "classifier_dropout": None}, Bert.fields
    )
    assert set(found) == {field.name for field in Bert.fields}
    assert (found["layer_norm_eps"], found["hidden_act"], found["classifier_dropout"]) == (1e-12, "gelu", None)


@pytest.mark.parametrize(
    ("name", "edges"), [("hidden_size", (8, 4096)), ("num_hidden_layers", (1, 96)), ("vocab_size", (8, 2_000_000))]
)
def test_both_ends_of_a_range_are_allowed(name: str, edges: tuple[int, int]) -> None:
    assert [read_fields(GOOD | {name: edge}, Bert.fields)[name] for edge in edges] == list(edges)


def test_a_whole_number_written_as_a_float_is_an_int() -> None:
    assert repr(read_fields(GOOD | {"hidden_size": 64.0}, Bert.fields)["hidden_size"]) == "64"


# bytes of config.json, fragment of the message
MALFORMED = [
    (b'{"a":' + b"[" * 200_000, "config.json is nested deeper than 32 levels."),
    (b'{"a":' * 33 + b"1" + b"}" * 33, "config.json is nested deeper than 32 levels."),
    (b"[1,2]", "config.json must be an object, found a list."),
    (b"null", "config.json must be an object, found nothing."),
    (b'{"model_type":"bert",', "config.json is not valid JSON at line 1 column 22."),
    (b"", "config.json is not valid JSON at line 1 column 1."),
    ('{"a":1}'.encode("utf-16"), "config.json is not UTF-8 text."),
    (b'{"a":1,"a":2}', "config.json is not valid JSON: duplicate key 'a'."),
    (b'{"layer_norm_eps":NaN}', "config.json is not valid JSON: NaN is not a number."),
    (b'{"layer_norm_eps":1e999}', "config.json is not valid JSON: 1e999 is too large a number."),
    (b'{"a":' + b"9" * 5000 + b"}", "config.json is not valid JSON: a number of 5,000 digits is too long"),
    (b'{"a":"\\ud800"}', "config.json holds invalid Unicode"),
    (b" " * 1_000_001, "config.json has 1,000,001 bytes; limit 1,000,000."),
]


@pytest.mark.parametrize(("raw", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_document_that_is_no_plain_object_is_refused_in_one_line(raw: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_accepted_and_32_levels_are_allowed() -> None:
    assert parse_config(b"\xef\xbb\xbf" + b'{"a":1}') == {"a": 1}
    assert parse_config(b'{"a":' * 32 + b"1" + b"}" * 32)


def test_brackets_inside_strings_are_no_levels() -> None:
    assert parse_config(json.dumps({"a": "[" * 100 + '"' + "{" * 100}).encode()) == {"a": "[" * 100 + '"' + "{" * 100}


# changed fields, fragment of the reason
NOT_AN_ENCODER = [
    ({"is_decoder": True}, "is_decoder is true: a decoder cannot be cut here"),
    ({"add_cross_attention": True}, "is_decoder is true"),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key': transformers ignores it"),
    ({"position_embedding_type": ["x" * 1000]}, "position_embedding_type is"),
    ({"pruned_heads": {"0": [1]}}, "pruned_heads is not empty"),
    ({"hidden_size": 66}, "hidden_size 66 is not a multiple of num_attention_heads 4"),
    ({"pad_token_id": 100}, "pad_token_id 100 is not below vocab_size 100"),
]


@pytest.mark.parametrize(("change", "reason"), NOT_AN_ENCODER)
def test_a_bert_that_cannot_be_cut_says_why(change: dict[str, Any], reason: str) -> None:
    found = Bert().refuse(GOOD | change)
    assert found is not None
    assert found.startswith(reason)
    assert len(found) < 200


@pytest.mark.parametrize(
    "change", [{}, {"is_decoder": False}, {"position_embedding_type": "absolute"}, {"pruned_heads": {}}]
)
def test_an_ordinary_encoder_is_not_refused(change: dict[str, Any]) -> None:
    assert Bert().refuse(GOOD | change) is None


def test_labels_are_numbered_names() -> None:
    assert read_labels({}) == {}
    assert read_labels({"id2label": {"1": "b", "0": "a"}}) == {
        "id2label": {1: "b", 0: "a"},
        "label2id": {"b": 1, "a": 0},
    }


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "expected an object of 1–10,000 names"),
        (["a"], "expected an object of 1–10,000 names"),
        ({"zero": "a"}, "id2label has a key that is not an integer"),
        ({"0": "a", "2": "b"}, "id2label must number its names 0, 1, 2"),
        ({"0": "a" * 1001}, "at most 1,000 characters"),
        ({str(n): "x" for n in range(10_001)}, "expected an object of 1–10,000 names"),
    ],
)
def test_labels_that_are_not_numbered_names_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_labels({"id2label": labels})
