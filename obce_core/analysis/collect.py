"""Collect the output of every neuron for every text in one forward pass.

Hooks keep only what is asked: the [CLS] row (or the mean over a text's tokens, or every token), written to disk as it
comes, and running moments over all tokens. Padding never counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from obce_core.analysis.moments import Moments
from obce_core.architectures import Tap, TapPoint
from obce_core.components import COMPONENTS
from obce_core.errors import Cancelled, NotFinite
from obce_core.models.batching import Batch, Encoded, batches
from obce_core.models.load import LoadedModel
from obce_core.storage.tensor_writer import RowWriter

Tokens = Literal["cls", "mean", "all"]
TOKENS: tuple[Tokens, ...] = ("cls", "mean", "all")
Cell = tuple[int, str]
"""A layer (from 1) and a component."""
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
    with (
        RowWriter(path, {tensor_name(*cell): (rows, len(neurons[cell])) for cell in cells}) as writer,
        ExitStack() as stack,
    ):
        now = _Now()

        def read(cell: Cell, output: torch.Tensor, *, folded: bool, kept: bool) -> None:
            values = output.detach().float()  # (batch, tokens, neurons)
            if cell in columns:  # a model that was cut already: what is no neuron of it any more stays out
                values = values.index_select(-1, columns[cell].to(values.device))
            if folded:
                everywhere[cell].add(values.flatten(0, 1), now.padding)
                at_cls[cell].add_exact(values[:, 0].cpu().numpy())
                _check_finite(cell, everywhere[cell], values, now)
            if kept:
                where, block = _pick(values, now, tokens, starts)
                if not folded and not np.isfinite(block).all():
                    raise _not_finite(cell, int((~np.isfinite(block)).sum()))
                writer.write(tensor_name(*cell), where, block)

        for cell in cells:
            folded_at = loaded.report.family.tap(*cell, "neuron")
            kept_at = loaded.report.family.tap(*cell, tap)
            for point in {folded_at, kept_at}:
                stack.enter_context(_hook(loaded.base, point, cell, read, point == folded_at, point == kept_at))
        texts_done = 0
        with torch.inference_mode():
            for batch in batches(encoded, batch_size, next(loaded.base.parameters()).device):
                if cancelled is not None and cancelled():
                    raise Cancelled("Collecting the activations was cancelled.")
                now.set(batch)
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


class _Now:
    """The batch that is under way, as the hooks need it."""

    def set(self, batch: Batch) -> None:
        self.batch = batch
        self.padding = torch.nonzero(batch.mask.flatten() == 0).flatten()


@contextmanager
def _hook(
    base: torch.nn.Module, point: TapPoint, cell: Cell, read: Callable[..., None], folded: bool, kept: bool
) -> Iterator[None]:
    module = base.get_submodule(point.path)

    def before(_: torch.nn.Module, args: tuple[Any, ...]) -> None:
        read(cell, args[0], folded=folded, kept=kept)

    def after(_: torch.nn.Module, __: Any, output: Any) -> None:
        read(cell, output[0] if isinstance(output, tuple) else output, folded=folded, kept=kept)

    handle = module.register_forward_pre_hook(before) if point.side == "input" else module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def _pick(
    values: torch.Tensor, now: _Now, tokens: Tokens, starts: np.ndarray
) -> tuple[Sequence[int] | np.ndarray, np.ndarray]:
    """Choose the rows that are kept and where they go."""
    rows = now.batch.rows
    if tokens == "cls":
        return rows, values[:, 0].cpu().numpy()
    if tokens == "mean":
        share = now.batch.mask.float() / now.batch.mask.sum(1, keepdim=True)  # (batch, tokens)
        return rows, torch.bmm(share.unsqueeze(1), values).squeeze(1).cpu().numpy()
    where = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
    return where, values[now.batch.mask.bool()].cpu().numpy()


def _check_finite(cell: Cell, moments: Moments, values: torch.Tensor, now: _Now) -> None:
    if np.isfinite(moments.mean).all() and np.isfinite(moments.std).all():
        return
    bad = ~torch.isfinite(values[now.batch.mask.bool()])  # (tokens of the batch, neurons)
    raise _not_finite(cell, int(bad.any(0).sum()))


def _not_finite(cell: Cell, count: int) -> NotFinite:
    return NotFinite(
        f"Layer {cell[0]} {cell[1]}: {count} neurons gave NaN or inf.",
        hint="Use --dtype float32; if it stays, the model is damaged.",
    )
