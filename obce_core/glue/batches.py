"""Examples as tokens, and the order in which training sees them: by length, and the same after every resume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase
from transformers.trainer_pt_utils import get_length_grouped_indices

from obce_core.errors import BadInput
from obce_core.glue.examples import Examples
from obce_core.tasks import TASKS

Row = dict[str, Any]


class Rows(Dataset[Row]):
    """Tokenized examples with their labels."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> Row:
        return self.rows[at]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example, shape (examples,)."""
        return np.array([len(row["input_ids"]) for row in self.rows], dtype=np.int64)


def tokenized(examples: Examples, tokenizer: PreTrainedTokenizerBase, max_length: int, positions: int) -> Rows:
    """Tokenize examples, pairs with their segments, cut at `max_length` tokens (of a pair the longer sentence loses first).

    Raises:
        BadInput: `max_length` is more than the model has positions for.
    """
    if not 3 <= max_length <= positions:
        raise BadInput(f"--max-length is {max_length}; this model allows 3–{positions}.")
    task = TASKS[examples.task]
    columns = [list(column) for column in zip(*examples.sentences, strict=True)]
    found = tokenizer(*columns, truncation=True, max_length=max_length)
    rows = [{name: found[name][at] for name in found} for at in range(len(examples))]
    if not examples.split.startswith("test"):
        for row, label in zip(rows, examples.labels, strict=True):
            row["labels"] = float(label) if task.regression else int(label)
    return Rows(rows)


class ByLength(Sampler[int]):
    """The order of an epoch: seeded by seed and epoch alone, examples of similar length together, `batch` of them a step."""

    def __init__(self, lengths: np.ndarray, batch: int, seed: int) -> None:
        self.lengths, self.batch, self.seed, self.epoch = [int(length) for length in lengths], batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        # The library's own sampler draws from the global generator, whose state a resume within an epoch does not bring back.
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0]))
        return iter(get_length_grouped_indices(self.lengths, self.batch, generator=generator))
