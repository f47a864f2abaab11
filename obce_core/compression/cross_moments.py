"""Count, mean and centred cross moments of a layer's neurons over all tokens, by fold of the texts.

These are all that a ridge regression and its cross-validation need; no token's outputs are kept. The texts are read by
the original model, one layer at a time, and each pass stops within that layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from obce_core.components import HEADED
from obce_core.errors import Cancelled
from obce_core.models.batching import Encoded, batches
from obce_core.models.hooks import hooked
from obce_core.models.load import LoadedModel

FOLDS = 5
_SEED = 0


class CrossMoments:
    """Running moments of `groups` times `width` neurons (heads, or a whole layer as one group), float64.

    `count` rows were added; `mean` has shape (groups, width); `cross`, shape (groups, width, width), holds the sums of
    products of two neurons' deviations from their means.
    """

    def __init__(self, groups: int, width: int) -> None:
        self.count = 0
        self.mean = np.zeros((groups, width))
        self.cross = np.zeros((groups, width, width))

    def add(self, rows: torch.Tensor) -> None:
        """Add rows, shape (rows, groups * width), one a token; they are centred before they are multiplied."""
        if not len(rows):
            return
        where = rows.cpu() if rows.device.type == "mps" else rows  # mps has no float64
        block = where.double().unflatten(1, self.mean.shape).transpose(0, 1)  # (groups, rows, width)
        mean = block.mean(1)
        block = block - mean.unsqueeze(1)
        self._join(len(rows), mean.cpu().numpy(), (block.mT @ block).cpu().numpy())

    def join(self, other: CrossMoments) -> None:
        """Add the rows of other moments of the same neurons."""
        self._join(other.count, other.mean, other.cross)

    def _join(self, count: int, mean: np.ndarray, cross: np.ndarray) -> None:
        """Add rows by their moments (Chan, Golub and LeVeque's pairwise update)."""
        total = self.count + count
        if not count:
            return
        delta = mean - self.mean
        self.mean = self.mean + delta * (count / total)
        self.cross += cross
        if self.count:
            self.cross += delta[:, :, None] * (delta * (self.count * count / total))[:, None, :]
        self.count = total


def split_folds(encoded: Encoded) -> list[Encoded]:
    """Divide the texts into at most five folds by a seeded permutation; equal texts give equal folds."""
    order = np.random.default_rng(_SEED).permutation(len(encoded.ids))
    parts = [order[fold::FOLDS] for fold in range(min(FOLDS, len(order)))]
    return [replace(encoded, ids=tuple(encoded.ids[text] for text in part)) for part in parts]


def layer_moments(
    original: LoadedModel,
    folds: Sequence[Encoded],
    layer: int,
    components: Sequence[str],
    *,
    batch_size: int = 32,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, list[CrossMoments]]:
    """Measure some components of a layer (from 1) of the original model; padding never counts.

    Returns:
        For each component one `CrossMoments` a fold, of tap `neuron`: by head for query, key and value, else one group.

    Raises:
        Cancelled: `cancelled()` became true between two batches.
    """
    shape = original.report.shape
    sizes = {name: (shape.heads, shape.head_size) if name in HEADED else (1, shape.width(name)) for name in components}
    results = {name: [CrossMoments(*sizes[name]) for _ in folds] for name in components}
    read: dict[str, torch.Tensor] = {}

    def take(name: str, values: torch.Tensor) -> None:
        read[name] = values
        if len(read) == len(components):
            raise _Enough

    visitors = [(original.report.family.hook_point(layer, name, "neuron"), partial(take, name)) for name in components]
    with hooked(original.base, visitors), torch.inference_mode():
        for fold, texts in enumerate(folds):
            for batch in batches(texts, batch_size, next(original.base.parameters()).device):
                if cancelled is not None and cancelled():
                    raise Cancelled("Fitting the compensation was cancelled.")
                read.clear()
                with suppress(_Enough):
                    original.base(input_ids=batch.ids, attention_mask=batch.mask)
                tokens = batch.mask.bool()
                for name, values in read.items():
                    results[name][fold].add(values[tokens])
    return results


class _Enough(Exception):
    """Everything that was asked of this batch has been read; the rest of the model need not run."""
