"""Collect the output of every neuron for every text in one forward pass.

Hooks keep only what is asked: the [CLS] row (or the mean over a text's tokens, or every token), written to disk as it
comes, and running moments over all tokens. Padding never counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from obce_core.analysis.moments import Moments
from obce_core.architectures import HookPoint, Tap
from obce_core.components import COMPONENTS, Cell
from obce_core.errors import Cancelled, NotFinite
from obce_core.models.batching import Batch, Encoded, batches
from obce_core.models.hooks import Visitor, hooked
from obce_core.models.load import LoadedModel
from obce_core.storage.tensor_writer import RowWriter

Tokens = Literal["cls", "mean", "all"]
TOKENS: tuple[Tokens, ...] = ("cls", "mean", "all")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class CellMoments:
    """Moments of a cell's neurons at tap `neuron`, each of shape (neurons,), float64, std with ddof 0."""

    mean_cls: np.ndarray
    std_cls: np.ndarray
    mean_all: np.ndarray
    std_all: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What one pass over the texts gave beside the activations on disk."""

    moments: dict[Cell, CellMoments]
    n_tokens: int
    rows: int


def tensor_name(layer: int, component: str) -> str:
    """Name a cell's tensor in activations.safetensors."""
    return f"layer.{layer}.{component}"


def collect(
    loaded: LoadedModel,
    encoded: Encoded,
    path: Path,
    *,
    tokens: Tokens = "cls",
    tap: Tap = "neuron",
    batch_size: int = 32,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Collected:
    """Run the texts through the model once and write every cell's activations to `path`.

    The file holds one float32 tensor a cell, shape (texts, neurons), in the order of the texts; with
    `tokens="all"` one row a token (texts in order, padding left out).

    Raises:
        NotFinite: a neuron's output is NaN or inf; names layer, component and how many.
        Cancelled: `cancelled()` became true between two batches.
    """
    shape = loaded.report.shape
    cells = [(layer, component) for layer in range(1, shape.layers + 1) for component in COMPONENTS]
    lengths = encoded.lengths
    starts = np.concatenate([[0], np.cumsum(lengths)])  # first row of each text when every token has one
    rows = int(starts[-1]) if tokens == "all" else len(lengths)
    neurons = {cell: loaded.report.neurons(*cell) for cell in cells}
    columns = {cell: torch.from_numpy(which) for cell, which in neurons.items() if len(which) < shape.width(cell[1])}
    everywhere = {cell: Moments(len(neurons[cell])) for cell in cells}
    at_cls = {cell: Moments.of_few(len(neurons[cell])) for cell in cells}
    under_way = _CurrentBatch()

    def fold(cell: Cell, output: torch.Tensor) -> None:
        values = select(cell, output)
        everywhere[cell].add(values.flatten(0, 1), under_way.padding)
        at_cls[cell].add_exact(values[:, 0].cpu().numpy())
        _check_finite(cell, everywhere[cell], values, under_way)

    def select(cell: Cell, output: torch.Tensor) -> torch.Tensor:
        """Return float32 values (batch, tokens, neurons) without the columns that a cut left unused."""
        values = output.detach().float()
        return values.index_select(-1, columns[cell].to(values.device)) if cell in columns else values

    with RowWriter(path, {tensor_name(*cell): (rows, len(neurons[cell])) for cell in cells}) as writer:

        def keep(cell: Cell, output: torch.Tensor) -> None:
            where, block = _pick(select(cell, output), under_way, tokens, starts)
            if not np.isfinite(block).all():
                raise _not_finite(cell, int((~np.isfinite(block)).sum()))
            writer.write(tensor_name(*cell), where, block)

        visitors: list[tuple[HookPoint, Visitor]] = []
        for cell in cells:
            visitors.append((loaded.report.family.hook_point(*cell, "neuron"), partial(fold, cell)))
            visitors.append((loaded.report.family.hook_point(*cell, tap), partial(keep, cell)))
        texts_done = 0
        with hooked(loaded.base, visitors), torch.inference_mode():
            for batch in batches(encoded, batch_size, next(loaded.base.parameters()).device):
                if cancelled is not None and cancelled():
                    raise Cancelled("Collecting the activations was cancelled.")
                under_way.set(batch)
                loaded.base(input_ids=batch.ids, attention_mask=batch.mask)
                texts_done += len(batch.rows)
                if progress is not None:
                    progress(texts_done, len(lengths))
    moments = {
        cell: CellMoments(
            mean_cls=at_cls[cell].mean,
            std_cls=at_cls[cell].std,
            mean_all=everywhere[cell].mean,
            std_all=everywhere[cell].std,
        )
        for cell in cells
    }
    return Collected(moments=moments, n_tokens=int(lengths.sum()), rows=rows)


class _CurrentBatch:
    """The batch that is under way, as the hooks need it."""

    def set(self, batch: Batch) -> None:
        self.batch = batch
        self.padding = torch.nonzero(batch.mask.flatten() == 0).flatten()


def _pick(
    values: torch.Tensor, under_way: _CurrentBatch, tokens: Tokens, starts: np.ndarray
) -> tuple[Sequence[int] | np.ndarray, np.ndarray]:
    """Choose the rows that are kept and where they go."""
    rows = under_way.batch.rows
    if tokens == "cls":
        return rows, values[:, 0].cpu().numpy()
    if tokens == "mean":
        share = under_way.batch.mask.float() / under_way.batch.mask.sum(1, keepdim=True)  # (batch, tokens)
        return rows, torch.bmm(share.unsqueeze(1), values).squeeze(1).cpu().numpy()
    where = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
    return where, values[under_way.batch.mask.bool()].cpu().numpy()


def _check_finite(cell: Cell, moments: Moments, values: torch.Tensor, under_way: _CurrentBatch) -> None:
    if np.isfinite(moments.mean).all() and np.isfinite(moments.std).all():
        return
    bad = ~torch.isfinite(values[under_way.batch.mask.bool()])  # (tokens of the batch, neurons)
    raise _not_finite(cell, int(bad.any(0).sum()))


def _not_finite(cell: Cell, count: int) -> NotFinite:
    return NotFinite(
        f"Layer {cell[0]} {cell[1]}: {count} neurons gave NaN or inf.",
        hint="Use --dtype float32; if it stays, the model is damaged.",
    )
