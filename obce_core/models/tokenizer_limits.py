"""Limits on untrusted tokenizer.json files: bound the work per text before any text is tokenized.

A normalizer that replaces one character by ten, ten times over, would make ten billion characters of one. The bound of
a chain is the product of the bounds of its steps; Unicode's own normal forms and lower case do not count.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from obce_core.errors import ModelError, shorten
from obce_core.storage.json_input import load_json

MAX_BYTES = 64_000_000
MAX_VALUES = 8_000_000
"""A vocabulary of a million pieces with scores fits."""

MAX_GROWTH = 8
"""Maximum growth of a text by the tokenizer; a million characters then take 150 MB."""

MAX_STEPS = 32
MAX_PATTERN_CHARS = 2_000
MAX_WORD_CHARS = 1_000
"""Characters of a word that is cut into pieces, in quadratic time (usual: 100); longer words are [UNK]."""

MAX_ADDED = 64
_MAX_MAPPED = 64


def check_tokenizer(path: Path) -> None:
    """Check a tokenizer.json before it is loaded.

    Raises:
        ModelError: naming the file, the part and the limit.
    """
    with path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ModelError(f"{path.name} has more than {MAX_BYTES:,} bytes.", hint="Save the tokenizer again.")
    try:
        document = load_json(raw, max_values=MAX_VALUES, surrogates=True)
        if not isinstance(document, dict):
            raise ValueError("expected an object")
    except UnicodeDecodeError:
        raise ModelError(
            f"{path.name} cannot be read: it is not UTF-8 text.", hint="Save the tokenizer again."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path.name} cannot be read: {shorten(error, 100)}.", hint="Save the tokenizer again."
        ) from None
    _check_growth(path.name, document.get("normalizer"))
    for part in ("pre_tokenizer", "post_processor", "decoder"):
        _steps(path.name, part, document.get(part))
    _check_model(path.name, document.get("model"))
    _check_added(path.name, document.get("post_processor"))


def _check_growth(name: str, normalizer: object) -> None:
    growth = 1.0
    for step in _steps(name, "normalizer", normalizer):
        growth *= _growth(name, step)
        if growth > MAX_GROWTH:
            raise ModelError(
                f"{name}: its normalizer can make a text more than {MAX_GROWTH} times as long.",
                hint="Use the model's original tokenizer.",
            )


def _growth(name: str, step: Mapping[str, Any]) -> float:
    """Return how many times longer one step can make a text of some length."""
    kind, content = step.get("type"), step.get("content")
    if kind == "Replace" and isinstance(content, str):
        pattern = step.get("pattern")
        plain = pattern.get("String") if isinstance(pattern, Mapping) else None
        if isinstance(plain, str) and plain:
            return max(1.0, len(content) / len(plain))
        return 1.0 + len(content)  # a regular expression may match at every place
    if kind in ("Prepend", "Append"):
        text = step.get("prepend", step.get("append", ""))
        return 1.0 + (len(text) > _MAX_MAPPED) * MAX_GROWTH if isinstance(text, str) else 1.0
    if kind == "Precompiled":
        return 1.0 if _longest_mapped(step.get("precompiled_charsmap")) <= _MAX_MAPPED else 1.0 + MAX_GROWTH
    return 1.0


def _longest_mapped(charsmap: object) -> int:
    """Return the bytes of the longest text that a SentencePiece character map puts in the place of another."""
    if not isinstance(charsmap, str):
        return 0
    try:
        raw = base64.b64decode(charsmap, validate=True)
    except (binascii.Error, ValueError):
        return 0  # refused where it is loaded
    texts = raw[4 + int.from_bytes(raw[:4], "little") :]
    return max(map(len, texts.split(b"\0")), default=0)


def _steps(name: str, part: str, value: object) -> Iterator[Mapping[str, Any]]:
    """Return the steps of a part, those of its sequences one by one, within the limits of number and patterns."""
    steps: list[Mapping[str, Any]] = []
    waiting = [value]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, Mapping):
            continue
        steps.append(step)
        for key in ("normalizers", "pretokenizers", "processors", "decoders"):
            inner = step.get(key)
            waiting += inner[: MAX_STEPS + 1] if isinstance(inner, list) else []
        pattern = step.get("pattern")
        for text in pattern.values() if isinstance(pattern, Mapping) else ():
            if isinstance(text, str) and len(text) > MAX_PATTERN_CHARS:
                raise ModelError(
                    f"{name}: a pattern of its {part} has {len(text):,} characters; limit {MAX_PATTERN_CHARS:,}."
                )
        if len(steps) > MAX_STEPS:
            raise ModelError(
                f"{name}: its {part} has more than {MAX_STEPS} steps.", hint="Use the model's original tokenizer."
            )
    return iter(steps)


def _check_model(name: str, model: object) -> None:
    limit = model.get("max_input_chars_per_word") if isinstance(model, Mapping) else None
    if isinstance(limit, int) and limit > MAX_WORD_CHARS:
        raise ModelError(
            f"{name}: max_input_chars_per_word is {shorten(limit)}; limit {MAX_WORD_CHARS:,}.",
            hint="Use the model's original tokenizer (100).",
        )


def _check_added(name: str, processor: object) -> None:
    """Refuse a template that adds many tokens to every text."""
    for step in _steps(name, "post_processor", processor):
        tokens = step.get("special_tokens")
        ids = (
            [
                len(entry["ids"])
                for entry in tokens.values()
                if isinstance(entry, Mapping) and isinstance(entry.get("ids"), list)
            ]
            if isinstance(tokens, Mapping)
            else []
        )
        pieces = [len(value) for key in ("single", "pair") if isinstance(value := step.get(key), list)]
        if max(pieces, default=0) * max(ids, default=1) > MAX_ADDED:
            raise ModelError(
                f"{name}: its template adds more than {MAX_ADDED} tokens to a text.",
                hint="Use the model's original tokenizer.",
            )
