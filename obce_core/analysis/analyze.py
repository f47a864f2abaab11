"""Analyse a model on texts: check, encode, collect, score, store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from obce_core import settings
from obce_core.analysis.analysis import (
    ACTIVATIONS,
    BASE_COLUMNS,
    FORMAT,
    IMPORTANCE,
    META,
    TEXTS,
    Analysis,
    radius_units,
    read_analysis,
    stored_criteria,
)
from obce_core.analysis.collect import TOKENS, CellMoments, Progress, Tokens, collect, tensor_name
from obce_core.analysis.coverage import read_sample
from obce_core.analysis.original import remember_place
from obce_core.architectures import TAPS, Tap
from obce_core.architectures.stored import to_entry
from obce_core.components import COMPONENTS, HEADED, Cell
from obce_core.criteria import CRITERIA, CellData
from obce_core.errors import Cancelled, TextsError, UnknownName
from obce_core.models import ModelReport, ModelSource, check_model
from obce_core.models.identity import identity_of
from obce_core.models.load import LoadedModel, choose_device, load_model
from obce_core.models.tokenizer import special_tokens
from obce_core.storage.atomic import write_json
from obce_core.storage.digests import digest
from obce_core.storage.staging import check_target, is_complete, staged_folder
from obce_core.storage.tensor_writer import read_matrix
from obce_core.texts import Texts, heldout_of, load_texts
from obce_core.version import ALGORITHMS, versions


def analyze(
    model: str | Path | ModelSource = "demo",
    texts: str | Path | Texts = "demo",
    *,
    revision: str | None = None,
    n_texts: int = 150,
    seed: int = 0,
    max_length: int = 128,
    tokens: Tokens = "cls",
    tap: Tap = "neuron",
    device: str = "auto",
    dtype: str = "float32",
    batch_size: int = 32,
    column: str | None = None,
    split: str | None = None,
    glue_dir: str | Path | None = None,
    heldout: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Analysis:
    """Measure every neuron of a model on a sample of texts.

    The same inputs give the same id; a complete analysis with that id in the cache is opened, not computed again. The
    inputs are the whole identity of the model (see `Identity`), the texts, and the options that change a number.

    Args:
        model: `demo`, a folder, or a hub id (see `locate`).
        texts: `demo`, `wikipedia`, `glue:TASK`, a file, or a `Texts` (then n_texts, seed and the rest of the
            source's options are not used).
        tokens: `cls` (one number a text: the paper), `mean` (over the text's tokens), `all` (every token).
        tap: `neuron` (what is handed on), `linear` (before the activation), `block` (after residual and LayerNorm).
        heldout: a file of texts that measure fidelity, a share such as `25%` of the texts, or `none`; not given: the
            texts that are not drawn, and 25% where all texts of a file are asked for (see `load_texts`).
        out: a folder of its own instead of an entry of the cache.
        progress: called with (texts done, texts in all).
        cancelled: asked between two batches.

    Raises:
        ModelError, TextsError, NotFinite, Cancelled, PathError: see `check_model`, `load_texts`, `collect`.

    >>> analysis = analyze("demo", n_texts=20)                                        # doctest: +SKIP
    """
    for what, value, known in (("--tokens", tokens, TOKENS), ("--tap", tap, TAPS)):
        if value not in known:
            raise UnknownName(f"value of {what}", value, known)
    if out is not None:
        check_target(settings.expand_home(out), overwrite=overwrite)
    report = check_model(model, revision=revision)
    choose_device(device)

    def look(_: int, __: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("Reading the texts was cancelled.")

    sample = (
        texts
        if isinstance(texts, Texts)
        else load_texts(
            texts,
            n=n_texts,
            seed=seed,
            column=column,
            split=split,
            glue_dir=glue_dir,
            heldout=heldout_of(heldout),
            progress=look,
        )
    )
    if len(set(sample.texts)) < 2:
        raise TextsError(f"An analysis needs at least 2 different texts; got {len(set(sample.texts))}.")
    inputs = _inputs(report, sample, max_length=max_length, tokens=tokens, tap=tap, dtype=dtype, device=device)
    key = digest(inputs)[:16]
    target = settings.expand_home(out) if out is not None else settings.cache_dir() / "analyses" / key
    if out is None and is_complete(target):
        remember_place(target, report)
        return read_analysis(target)
    loaded = load_model(report, device=device, dtype=dtype)
    special = special_tokens(loaded.tokenizer)
    if tokens == "cls":
        special.require_cls("--tokens cls", "Use --tokens mean.")
    with staged_folder(target, overwrite=overwrite, keep_existing=out is None) as stage:
        started = time.monotonic()
        positions = report.config.get("max_position_embeddings", 512)
        reading = read_sample(loaded.tokenizer, sample, max_length=max_length, positions=positions)
        sample, encoded = reading.sample, reading.encoded
        collected = collect(
            loaded,
            encoded,
            stage / ACTIVATIONS,
            tokens=tokens,
            tap=tap,
            batch_size=batch_size,
            progress=progress,
            cancelled=cancelled,
        )
        _write_importance(stage, loaded, collected.moments, collected.n_tokens, cancelled)
        sample.write(stage / TEXTS)
        write_json(
            stage / META,
            {
                "format": FORMAT,
                "id": key,
                "inputs": inputs,
                "model": describe_model(report),
                "texts": {
                    "source": sample.source,
                    "n": len(sample),
                    "seed": sample.seed,
                    "available": sample.available,
                    "digest": sample.digest,
                    "heldout": len(sample.heldout),
                    "truncated": encoded.truncated,
                    **reading.coverage.plain(),
                    "notes": [*sample.notes, *special.notes],
                },
                "tokens": tokens,
                "tap": tap,
                "max_length": max_length,
                "n_tokens": collected.n_tokens,
                "rows": collected.rows,
                "criteria": list(stored_criteria()),
                "conventions": {
                    **radius_units(),
                    "std": "population (ddof 0)",
                    "layers": "from 1",
                    "neurons": "from 0",
                },
                "seconds": round(time.monotonic() - started, 3),
                "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "versions": versions(),
            },
        )
    return read_analysis(target)


def describe_model(report: ModelReport) -> dict[str, Any]:
    """Describe a model as analyses and plans record it: enough to find it again and to count every cut."""
    return {
        "spec": report.source.spec,
        "name": report.source.name,
        "revision": report.source.revision,
        "weights_sha256": report.source.weights_sha256,
        "identity": identity_of(report).plain(),
        "config": dict(report.config),
        "family": report.family.model_type,
        "architecture": report.architecture,
        "shape": {
            name: getattr(report.shape, name) for name in ("layers", "hidden", "heads", "head_size", "intermediate")
        },
        "tensors": {
            name: list(info.shape) for name, info in report.tensors.items() if info.dtype.startswith(("F", "BF"))
        },
        "bytes": report.bytes,
        "notes": list(report.notes),
        "widths": [layer and to_entry(layer, report.shape) for layer in report.layers] or None,
    }


def _inputs(report: ModelReport, sample: Texts, *, device: str, **selection: Any) -> dict[str, Any]:
    return {
        "algorithm": ALGORITHMS["analysis"],
        "identity": identity_of(report).plain(),
        "texts": sample.digest,
        "heldout": digest(list(sample.heldout)),
        "source": sample.source,
        "seed": sample.seed,
        "device": choose_device(device).type,
        **selection,
    }


def _write_importance(
    stage: Path,
    loaded: LoadedModel,
    moments: Mapping[Cell, CellMoments],
    n_tokens: int,
    cancelled: Callable[[], bool] | None,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    shape = loaded.report.shape
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for layer in range(1, shape.layers + 1):
            blocks: list[pa.Table] = []
            for component in COMPONENTS:
                if cancelled is not None and cancelled():
                    raise Cancelled("Computing the importance was cancelled.")
                cell = moments[layer, component]
                neurons = loaded.report.neurons(layer, component)
                weight = _numpy(loaded.base.get_submodule(loaded.report.family.linear(layer, component)).weight)
                data = CellData(
                    layer=layer,
                    component=component,
                    outputs=read_matrix(stage / ACTIVATIONS, tensor_name(layer, component)),
                    std_all=cell.std_all,
                    weight=weight if len(neurons) == len(weight) else weight[neurons],
                )
                blocks.append(_table(data, cell, n_tokens, neurons, shape.head_size if component in HEADED else 0))
            table = pa.concat_tables(blocks)
            if writer is None:
                writer = stack.enter_context(
                    pq.ParquetWriter(stage / IMPORTANCE, table.schema.with_metadata(radius_units()))
                )
            writer.write_table(table)  # a layer at a time: the whole table is never in memory


def _table(data: CellData, moments: CellMoments, n_tokens: int, neuron: np.ndarray, head_size: int) -> Any:
    import pyarrow as pa

    count = len(neuron)
    scores = {name: CRITERIA[name].score(data) for name in stored_criteria()}
    columns: dict[str, Any] = {
        "mean": data.outputs.mean(axis=0, dtype=np.float64),
        "min": data.outputs.min(axis=0).astype(np.float64),
        "max": data.outputs.max(axis=0).astype(np.float64),
        "mean_cls": moments.mean_cls,
        "std_cls": moments.std_cls,
        "mean_all": moments.mean_all,
        "std_all": moments.std_all,
        **scores,
    }
    ordered = [*BASE_COLUMNS, *(name for name in stored_criteria() if name not in BASE_COLUMNS)]
    head = pa.array(neuron // head_size, pa.int16()) if head_size else pa.nulls(count, pa.int16())
    return pa.table(
        {
            "layer": pa.array(np.full(count, data.layer), pa.int16()),
            "component": pa.array([data.component] * count, pa.string()),
            "neuron": pa.array(neuron, pa.int32()),
            "head": head,
            "n_tokens": pa.array(np.full(count, n_tokens), pa.int64()),
            **{name: pa.array(columns[name], pa.float64()) for name in ordered},
        }
    )


def _numpy(weight: Any) -> np.ndarray:
    tensor: torch.Tensor = weight.detach()
    return tensor.float().cpu().numpy()
