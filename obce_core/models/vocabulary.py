"""Read from a tokenizer's files, without transformers, its number of ids and whether it prepends [CLS]."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from obce_core.errors import ModelError
from obce_core.models.locate import ModelSource

MAX_TOKENIZER_BYTES = 100_000_000
"""No file of a tokenizer may be larger."""

_QUICK_BYTES = 8_000_000
"""A larger tokenizer.json is left to the worker that loads it: a page must not wait for its parsing."""


def check_vocabulary(source: ModelSource, config: Mapping[str, Any]) -> None:
    """Refuse a model whose tokenizer has ids beyond its embeddings, as far as the files say so.

    Files that cannot be read here are left to `load_tokenizer`, which names what is wrong with them.

    Raises:
        ModelError: the highest id and the size of the model's vocabulary.
    """
    highest = _highest_id(source)
    if highest is not None:
        check_ids(highest, config)


def adds_special_tokens(source: ModelSource) -> bool:
    """Return False for a tokenizer.json without a post-processor, which puts no [CLS] and no [SEP] around a text."""
    tokenizer = _json(source, "tokenizer.json")
    return tokenizer is None or "model" not in tokenizer or tokenizer.get("post_processor") is not None


def check_ids(highest: int, config: Mapping[str, Any]) -> None:
    """Raise ModelError where a tokenizer's highest id (-1: it has none) has no embedding."""
    if highest < 0:
        raise ModelError(
            "The tokenizer has an empty vocabulary.", hint="Save the tokenizer that the model was trained with."
        )
    if highest >= config["vocab_size"]:
        raise ModelError(
            f"The tokenizer has ids up to {highest:,}, the model's vocabulary has {config['vocab_size']:,}; resize "
            "the embeddings "
            "to match.",
            hint=f"Run model.resize_token_embeddings({highest + 1}) and model.save_pretrained(folder), or save the "
            "model's own tokenizer.",
        )


def _highest_id(source: ModelSource) -> int | None:
    """Return the highest id that the files name, or None where they are absent, damaged or large."""
    tokenizer = _json(source, "tokenizer.json")
    if tokenizer is not None:
        model, added = tokenizer.get("model"), tokenizer.get("added_tokens")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        ids = (
            list(vocabulary.values())
            if isinstance(vocabulary, dict)
            else [len(vocabulary) - 1]
            if isinstance(vocabulary, list)
            else []
        )
        ids += [token.get("id") for token in added if isinstance(token, dict)] if isinstance(added, list) else []
        numbers = [number for number in ids if isinstance(number, int)]
        return max(numbers) if numbers else None
    if source.file("tokenizer.json") is not None or source.file("vocab.txt") is None:
        return None
    raw = _read(source, "vocab.txt")
    added = _json(source, "added_tokens.json") or {}
    numbers = [number for number in added.values() if isinstance(number, int)]
    return None if raw is None else max([raw.rstrip(b"\r\n").count(b"\n") if raw.strip() else -1, *numbers])


def _json(source: ModelSource, name: str) -> dict[str, Any] | None:
    raw = _read(source, name)
    try:
        value = None if raw is None else json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read(source: ModelSource, name: str) -> bytes | None:
    stream = source.open(name)
    if stream is None:
        return None
    with stream:
        raw = stream.read(_QUICK_BYTES + 1)
    return raw if len(raw) <= _QUICK_BYTES else None
