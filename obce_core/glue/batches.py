"""Examples as tokens, and the order in which training sees them: by length, and the same after every resume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase
from transformers.trainer_pt_utils import get_length_grouped_indices

from obce_core.errors import BadInput, ModelError
from obce_core.glue.examples import Examples
from obce_core.glue.tasks import TASKS
from obce_core.models.tokenizer import special_tokens

Row = dict[str, Any]


class Rows(Dataset[Row]):
    """Tokenized examples with their labels; `pieces` counts the word pieces, `unknown` the [UNK] among them."""

    def __init__(self, rows: list[Row], *, pieces: int = 0, unknown: int = 0) -> None:
        self.rows, self.pieces, self.unknown = rows, pieces, unknown

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> Row:
        return self.rows[at]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, shape (examples,)."""
        return np.array([len(row["input_ids"]) for row in self.rows], dtype=np.int64)


def tokenized(
    examples: Examples, tokenizer: PreTrainedTokenizerBase, max_length: int, positions: int, segments: int = 2
) -> Rows:
    """Tokenize examples, pairs with segment ids, truncated at `max_length` tokens (longest sentence first).

    Args:
        segments: how many the model has embeddings for (its type_vocab_size).

    Raises:
        BadInput: `max_length` is more than the model has positions for.
        ModelError: the tokenizer numbers segments that the model does not have.
    """
    if not 3 <= max_length <= positions:
        raise BadInput(f"--max-length is {max_length}; this model allows 3–{positions}.")
    task = TASKS[examples.task]
    columns = [list(column) for column in zip(*examples.sentences, strict=True)]
    encoded = tokenizer(*columns, truncation=True, max_length=max_length)
    highest = max((max(row, default=0) for row in encoded.get("token_type_ids", ())), default=0)
    if highest >= segments:
        raise ModelError(
            f"The tokenizer gives second sentences segment {highest}, the model has {segments} (type_vocab_size); "
            f"{task.name} has pairs.",
            hint="Choose a task of single sentences, or a model with 2 segments.",
        )
    rows = [{name: encoded[name][at] for name in encoded} for at in range(len(examples))]
    if not examples.split.startswith("test"):
        for row, label in zip(rows, examples.labels, strict=True):
            row["labels"] = float(label) if task.regression else int(label)
    added = {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    pieces = sum(token not in added for row in encoded["input_ids"] for token in row)
    return Rows(rows, pieces=pieces, unknown=sum(row.count(tokenizer.unk_token_id) for row in encoded["input_ids"]))


def check_tokenizer(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer that a classifier cannot work with.

    Raises:
        ModelError: it puts no [CLS] first, whose output is classified, or has no padding token.
    """
    special_tokens(tokenizer).require_cls("the classifier")
    if tokenizer.pad_token_id is None:
        raise ModelError(
            "The tokenizer has no padding token, so texts of different lengths cannot be trained together.",
            hint='Put "pad_token": "[PAD]" into tokenizer_config.json.',
        )


class ByLength(Sampler[int]):
    """The order of an epoch: determined by seed and epoch, with examples of similar length in one batch."""

    def __init__(self, lengths: np.ndarray, batch: int, seed: int) -> None:
        self.lengths, self.batch, self.seed, self.epoch = [int(length) for length in lengths], batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        # The library's own sampler draws from the global generator, whose state a resume within an epoch does not bring
        # back.
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0])
        )
        return iter(get_length_grouped_indices(self.lengths, self.batch, generator=generator))
