"""Turn texts into padded batches, sorted by length so that almost nothing is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from obce_core.errors import BadInput

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_USUAL_LENGTH = 32
"""A batch of `batch_size` texts is meant for texts up to this many tokens; of longer ones it takes fewer, so that
memory does not grow with the length of the texts."""

_BATCH_PRICE = 48
"""The fixed cost of a batch, in tokens: every weight is read again (BERT Base, 2 cores)."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Token ids of each text, special tokens included, cut at `max_length`; `truncated` counts the texts cut.

    `special` is the number of tokens that the tokenizer adds to every text ([CLS] and [SEP]: 2), `unknown` counts
    [UNK].
    """

    ids: tuple[tuple[int, ...], ...]
    max_length: int
    truncated: int
    pad_id: int
    special: int = 0
    unknown: int = 0

    @property
    def pieces(self) -> int:
        """Word pieces of all texts, without the tokens that the tokenizer adds."""
        return int(np.maximum(self.lengths - self.special, 0).sum())

    @property
    def empty(self) -> np.ndarray:
        """The texts without word pieces, shape (texts,), bool."""
        return self.lengths <= self.special

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, shape (texts,)."""
        return np.array([len(row) for row in self.ids], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some texts, padded to the longest of them; `rows` are their places among all texts."""

    rows: np.ndarray  # (batch,)
    ids: torch.Tensor  # (batch, tokens)
    mask: torch.Tensor  # (batch, tokens), 1 for a token, 0 for padding


def encode(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, max_length: int = 128, positions: int = 512
) -> Encoded:
    """Tokenize texts, each on its own, cut at `max_length` tokens.

    Raises:
        BadInput: no text has a token; `max_length` is below 3 (one token beside the special ones) or above what the
            model has positions for.
    """
    if not 3 <= max_length <= positions:
        raise BadInput(f"--max-length is {max_length}; this model allows 3–{positions}.")
    ids: list[tuple[int, ...]] = []
    truncated = 0
    for text in texts:
        # One text at a time keeps memory flat: a text of a million characters is cut before the next one is read.
        row = tokenizer(text, truncation=True, max_length=max_length, return_overflowing_tokens=True)["input_ids"]
        nested = bool(row) and isinstance(row[0], list)
        truncated += nested and len(row) > 1
        ids.append(tuple(row[0] if nested else row))
    if ids and not any(ids):
        raise BadInput(
            f"None of {len(ids):,} texts has a token with this tokenizer.",
            hint="Give other texts, or another tokenizer.",
        )
    unknown = tokenizer.unk_token_id
    return Encoded(
        ids=tuple(ids),
        max_length=max_length,
        truncated=truncated,
        pad_id=tokenizer.pad_token_id or 0,
        special=len(tokenizer("")["input_ids"]),
        unknown=0 if unknown is None else sum(row.count(unknown) for row in ids),
    )


def batches(encoded: Encoded, batch_size: int = 32, device: torch.device | None = None) -> Iterator[Batch]:
    """Yield batches of texts of similar length, the longest first (so that memory peaks at once).

    Texts without any token are left out.
    A batch has at most `batch_size` texts and 32 times as many tokens, padding included, but at least one text. Within
    these bounds the texts, sorted by length, are divided where that leaves the least padding and the fewest batches.
    """
    if batch_size < 1:
        raise BadInput(f"--batch-size is {batch_size}; it must be at least 1.")
    lengths = encoded.lengths
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]  # of a text without a token only padding could be computed
    for start, stop in _divide(lengths[order], batch_size):
        yield padded(encoded, order[start:stop], device)


def padded(encoded: Encoded, rows: np.ndarray, device: torch.device | None = None) -> Batch:
    """Pad these texts to the longest of them, in this order."""
    width = max(len(encoded.ids[row]) for row in rows)
    ids = np.full((len(rows), width), encoded.pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        tokens = encoded.ids[row]
        ids[i, : len(tokens)] = tokens
        mask[i, : len(tokens)] = 1
    return Batch(rows=rows, ids=torch.from_numpy(ids).to(device), mask=torch.from_numpy(mask).to(device))


def _divide(lengths: np.ndarray, batch_size: int) -> list[tuple[int, int]]:
    """Divide texts sorted by falling length into (start, stop) at the least cost of padding and batches.

    Dynamic programming from the shortest text to the longest; `cost[i]` is that of the texts from i on.
    """
    count = len(lengths)
    cost, stops = np.zeros(count + 1), np.zeros(count, dtype=np.int64)
    for start in range(count - 1, -1, -1):
        width = max(1, int(lengths[start]))
        most = min(count - start, max(1, min(batch_size, batch_size * _USUAL_LENGTH // width)))
        totals = width * np.arange(1, most + 1) + cost[start + 1 : start + most + 1]
        best = int(np.argmin(totals))
        cost[start], stops[start] = _BATCH_PRICE + totals[best], start + best + 1
    parts, start = [], 0
    while start < count:
        parts.append((start, int(stops[start])))
        start = int(stops[start])
    return parts
