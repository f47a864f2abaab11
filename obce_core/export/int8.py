"""Dynamic int8 quantisation of an ONNX file, and its loss on real texts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from obce_core.errors import Cancelled, Mismatch
from obce_core.export.check import session
from obce_core.models.batching import batches, encode
from obce_core.texts import load_texts

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto
    from transformers import PreTrainedTokenizerBase

LOSS_TEXTS = 150
"""Texts of the packaged ones that the loss is measured on."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """How far an int8 file is from the float file it was made of, over the first output, padding left out.

    `difference` is the largest, `largest` the largest float output; `cosine` and `cosine_lowest` are over texts, each
    text's output taken as one vector.
    """

    texts: int
    difference: float
    largest: float
    cosine: float
    cosine_lowest: float


def quantize(proto: ModelProto, path: Path) -> None:
    """Write a graph with its matrix products in int8 (weights by column, inputs by the range they have at run time)."""
    from onnx import ModelProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    copied = ModelProto()
    copied.CopyFrom(proto)
    copied.graph.ClearField("value_info")  # shapes noted for float values mislead the quantiser
    _own_copies(copied.graph)
    empty = {entry.name for entry in copied.graph.initializer if 0 in entry.dims}  # of a part that is cut altogether
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a preparation that this graph does not need
    try:
        quantize_dynamic(
            copied,
            path,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
            nodes_to_exclude=[node.name for node in copied.graph.node if empty & set(node.input)],
            per_channel=True,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # 7 bits: sums of 8 overflow on CPUs without VNNI
        )
    finally:
        root.setLevel(level)


def _own_copies(graph: GraphProto) -> None:
    """Store what is a transposed weight (a tied decoder) as a weight of its own: else it would stay float."""
    from onnx import numpy_helper

    stored = {entry.name: entry for entry in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in stored]:
        array = np.ascontiguousarray(numpy_helper.to_array(stored[node.input[0]]).T)
        graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
        graph.node.remove(node)


def measure(
    exact: Path,
    short: Path,
    tokenizer: PreTrainedTokenizerBase,
    *,
    positions: int,
    choices: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Loss:
    """Compare two ONNX files on packaged texts.

    Raises:
        Mismatch: an output of the int8 file is not finite.
    """
    one, other = session(exact), session(short)
    encoded = encode(
        tokenizer, load_texts("demo", n=LOSS_TEXTS, seed=0).texts, max_length=min(128, positions), positions=positions
    )
    cosines, worst, largest = [], 0.0, 0.0
    for batch in batches(encoded, 16):
        if cancelled is not None and cancelled():
            raise Cancelled("Measuring the quantised file was cancelled.")
        mask = batch.mask.numpy()
        a, b = (_first(run, batch.ids.numpy(), mask, choices) for run in (one, other))  # (batch, ...)
        for row, x, y in zip(mask.astype(bool), a, b, strict=True):
            # A value a token: padding says nothing. A value a text: all of it.
            x, y = (v[row] if v.ndim and len(v) == len(row) and not choices else v for v in (x, y))
            worst = float(np.maximum(worst, np.abs(x - y).max()))
            largest = float(np.maximum(largest, np.abs(x).max()))
            cosines.append(
                float((x * y).sum() / max(np.sqrt((x * x).sum() * (y * y).sum()), np.finfo(np.float64).tiny))
            )
    if not np.isfinite([worst, *cosines]).all():
        raise Mismatch("The int8 file gives NaN or inf; nothing was written.", hint="Leave --int8 out.")
    return Loss(
        texts=len(cosines),
        difference=worst,
        largest=largest,
        cosine=float(np.mean(cosines)),
        cosine_lowest=float(np.min(cosines)),
    )


def _first(run: Any, ids: np.ndarray, mask: np.ndarray, choices: bool) -> np.ndarray:
    """Run one batch of texts; for multiple choice each text stands beside itself in reverse."""
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    if choices:
        feed = {name: np.stack([value, value], axis=1) for name, value in feed.items()}
    array: np.ndarray = run.run(None, feed)[0]
    return array.astype(np.float64)
