"""Inputs for comparing two models: random token ids and real sentences of many lengths, in batches with padding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from obce_core.models.batching import Batch, Encoded, encode, padded
from obce_core.models.load import LoadedModel
from obce_core.texts import load_texts

RANDOM, REAL = "random", "real"
SAMPLE_KINDS = (RANDOM, REAL)

_LENGTHS = (1, 34, 2, 21, 3, 13, 5, 8, 16, 26, 7, 11, 128, 1, 55, 89)
"""Tokens of the random texts, as far as the model has positions."""

_JOINED = (1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 2, 1, 6, 1, 3, 4)
"""Demo sentences joined to one real text."""

_BATCHES = (slice(0, 12), slice(12, 16))
"""Texts in a batch: mostly short ones, and long ones beside a short one; what is computed is padding in good part."""


def draw(kind: str, loaded: LoadedModel, *, seed: int = 0) -> Encoded:
    """Return 16 texts of one kind: seeded random token ids, or demo sentences, some of them joined to longer ones."""
    positions = int(loaded.report.config.get("max_position_embeddings", 512))
    most = min(max(_LENGTHS), positions)
    rng = np.random.default_rng(seed)
    if kind == REAL:
        sentences = iter(rng.permutation(load_texts("demo", n=None).texts).tolist())
        texts = [" ".join(next(sentences) for _ in range(count)) for count in _JOINED]
        return encode(loaded.tokenizer, texts, max_length=most, positions=positions)
    words = int(loaded.report.config["vocab_size"])
    ids = tuple(tuple(rng.integers(0, words, min(length, most)).tolist()) for length in _LENGTHS)
    return Encoded(ids=ids, max_length=most, truncated=0, pad_id=loaded.tokenizer.pad_token_id or 0)


def mixed(encoded: Encoded, device: torch.device) -> Iterator[Batch]:
    """Yield the texts in batches of uneven lengths, so that there is padding."""
    rows = np.arange(len(encoded.ids))
    return (padded(encoded, rows[part], device) for part in _BATCHES)
