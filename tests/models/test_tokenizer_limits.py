"""A tokenizer.json that multiplies texts is refused before one is given to it; usual ones are not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tiny import copy_folder

from obce_core.errors import ModelError
from obce_core.models import check_model
from obce_core.models.load import load_tokenizer
from obce_core.models.tokenizer_limits import check_tokenizer


def replace(pattern: str, content: str, kind: str = "String") -> dict[str, Any]:
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def sequence(*steps: dict[str, Any], kind: str = "normalizers") -> dict[str, Any]:
    return {"type": "Sequence", kind: list(steps)}


def charsmap(text: bytes) -> str:
    return base64.b64encode((8).to_bytes(4, "little") + bytes(8) + text).decode()


def nested(depth: int) -> dict[str, Any]:
    step = replace("a", "aa")
    for _ in range(depth):
        step = sequence(step, replace("a", "aa"))
    return step


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "one long replacement",
        {"normalizer": replace("a", "a" * 9)},
        "its normalizer can make a text more than 8 times as long",
    ),
    ("a chain of short ones", {"normalizer": sequence(*[replace("a", "aa")] * 4)}, "more than 8 times as long"),
    ("a chain in chains", {"normalizer": nested(5)}, "more than 8 times as long"),
    ("an empty pattern", {"normalizer": replace("", "x" * 8)}, "more than 8 times as long"),
    ("an expression", {"normalizer": replace(".?", "x" * 8, "Regex")}, "more than 8 times as long"),
    ("a long beginning", {"normalizer": {"type": "Prepend", "prepend": "x" * 1000}}, "more than 8 times as long"),
    (
        "a character map",
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap(b"x" * 65)}},
        "more than 8 times as long",
    ),
    ("many steps", {"normalizer": sequence(*[{"type": "NFC"}] * 40)}, "its normalizer has more than 32 steps"),
    (
        "many splits",
        {"pre_tokenizer": sequence(*[{"type": "Whitespace"}] * 40, kind="pretokenizers")},
        "pre_tokenizer has more than 32",
    ),
    (
        "a long pattern",
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a" * 2001}}},
        "a pattern of its pre_tokenizer has 2,001",
    ),
    (
        "long words",
        {"model": {"type": "WordPiece", "max_input_chars_per_word": 10**9}},
        "max_input_chars_per_word is 1000000000",
    ),
    (
        "a long template",
        {"post_processor": {"type": "TemplateProcessing", "single": [{}] * 65}},
        "adds more than 64 tokens",
    ),
    (
        "a token of many ids",
        {"post_processor": {"type": "TemplateProcessing", "single": [{}], "special_tokens": {"x": {"ids": [1] * 65}}}},
        "adds more than 64 tokens",
    ),
]


@pytest.mark.parametrize(("document", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_multiplies_texts_or_work_is_refused_by_name(
    document: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ModelError) as caught:
        check_tokenizer(path)
    assert str(caught.value).startswith("tokenizer.json: ") and message in str(caught.value)


def test_parts_of_another_kind_are_left_to_the_loader(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    odd = {"special_tokens": {"x": {"ids": 1}, "y": 2}, "single": 3, "processors": 4, "pattern": 5}
    path.write_text(json.dumps({"normalizer": odd, "pre_tokenizer": [odd], "post_processor": odd, "model": 1}))
    check_tokenizer(path)


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"[" * 1000, b'{"a":1,"a":2}', b"\xff"])
def test_what_is_no_document_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(raw)
    with pytest.raises(ModelError, match=r"^tokenizer\.json cannot be read"):
        check_tokenizer(path)


USUAL = [
    {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    sequence(replace("``", '"'), replace("''", '"'), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}),
    sequence(
        {"type": "Precompiled", "precompiled_charsmap": charsmap(b"abc\0" + b"x" * 33)}, replace(" {2,}", "▁", "Regex")
    ),
    sequence({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁")),
    None,
]


@pytest.mark.parametrize("normalizer", USUAL)
def test_usual_normalizers_pass(normalizer: dict[str, Any] | None, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(
        json.dumps({"normalizer": normalizer, "model": {"type": "WordPiece", "max_input_chars_per_word": 100}})
    )
    check_tokenizer(path)


def test_a_model_whose_tokenizer_multiplies_is_not_loaded(tiny_folder: Path, tmp_path: Path) -> None:
    folder = copy_folder(tiny_folder, tmp_path / "model")
    load_tokenizer(check_model(folder)).save_pretrained(folder)
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    assert len(load_tokenizer(check_model(folder))("able acid")["input_ids"]) > 2
    document["normalizer"] = sequence(*[replace("a", "a" * 10)] * 10)  # ten billion characters of one
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ModelError, match=r"^tokenizer\.json: its normalizer can make a text more than 8 times as long"):
        load_tokenizer(check_model(folder))
