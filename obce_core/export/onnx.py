"""Export a model to ONNX: a folder with the graph, checked against torch, and the tokenizer's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from obce_core.compression.checkpoint import load_checked
from obce_core.errors import BadInput, PathError
from obce_core.export import FACTS
from obce_core.export.formats import FORMATS
from obce_core.models.check import check_model
from obce_core.models.identity import identity_of
from obce_core.models.locate import CONFIG, SIDE_FILES, TOKENIZER_FILES, ModelSource, locate
from obce_core.models.report import require_head
from obce_core.progress import Report, Steps
from obce_core.settings import expand_home
from obce_core.storage.atomic import write_json
from obce_core.storage.disk_space import require_space, writing
from obce_core.storage.staging import check_target, staged_folder
from obce_core.version import ALGORITHMS, versions

FORMAT = "obce-onnx/1"
_ROW = FORMATS["onnx"]
FLOAT, INT8 = "model.onnx", "model_int8.onnx"
_LARGEST = 1_900_000_000
"""Bytes of weights that fit into one ONNX file, whose limit is 2 GB."""


def require() -> None:
    """Raise BadInput when a package of the extra `onnx` is not installed."""
    absent = _ROW.missing()
    if absent:
        verb = "is" if len(absent) == 1 else "are"
        raise BadInput(
            f"Exporting to ONNX needs {', '.join(absent)}, which {verb} not installed.",
            hint=_ROW.install_command,
        )


def export_onnx(
    model: str | Path,
    out: str | Path,
    *,
    revision: str | None = None,
    int8: bool = False,
    overwrite: bool = False,
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write a cut or a stock model as ONNX, once onnxruntime gives what torch gives.

    Args:
        model: a folder written by `compress`, or anything `analyze` takes as a model. No code of a folder runs.
        out: the new folder: `model.onnx`, with `int8` also `model_int8.onnx`, the tokenizer, the labels, `export.json`.
        int8: also write a dynamically quantised file and measure what it loses on packaged texts.
        progress: called with (steps done, steps in all).

    Returns:
        The facts of `export.json`, and `folder`.

    Raises:
        BadInput: a package of the extra `onnx` is missing, or the model is too large for one file.
        ModelError: see `load`.
        Mismatch: a file differs from the model; nothing is written then.

    >>> export_onnx("my-model", "my-model-onnx")["difference"] < 1e-4                  # doctest: +SKIP
    """
    require()
    target = expand_home(out)
    if target.suffix == ".onnx":
        raise PathError(
            f"{target.name}: the export is a folder that holds {FLOAT}.", hint="Name a folder, without .onnx."
        )
    check_target(target, overwrite=overwrite)
    source = locate(model, revision=revision)
    steps = Steps("The export", 5 if int8 else 3, progress, cancelled)
    steps.begin()
    report, notes = check_model(source), []
    require_head(report)
    loaded = load_checked(report, device="cpu")
    if not report.head.is_complete:  # a base model without a pooler has its states and nothing else
        loaded.model.pooler = None
        notes.append(f"{source.weights.name} lacks {report.head.absent_words}: the export has no pooler_output.")
    weight = sum(tensor.numel() * tensor.element_size() for tensor in loaded.model.parameters())
    if weight > _LARGEST:
        raise BadInput(f"{source.name} has {weight / 1e9:.1f} GB of weights; one ONNX file holds 2 GB.")
    import onnx

    from obce_core.export.check import check
    from obce_core.export.int8 import measure, quantize
    from obce_core.export.trace import axes, describe, trace

    steps.begin()
    proto = trace(loaded.model)
    with staged_folder(target, overwrite=overwrite) as stage:
        need = proto.ByteSize()
        require_space(stage, need)
        with writing(stage, need):
            onnx.save_model(proto, str(stage / FLOAT))
        steps.begin()
        checked = check(loaded.model, stage / FLOAT, cancelled=cancelled)
        facts: dict[str, Any] = {
            "format": FORMAT,
            "model": source.name,
            "weights_sha256": source.weights_sha256,
            "identity": identity_of(check_model(source)).plain(),
            "algorithm": ALGORITHMS["export"],
            "architecture": type(loaded.model).__name__,
            "opset": proto.opset_import[0].version,
            **describe(proto),
            "bytes": (stage / FLOAT).stat().st_size,
            **asdict(checked),
            "notes": notes,
            "int8": None,
        }
        if int8:
            steps.begin()
            quantize(proto, stage / INT8)
            steps.begin()
            positions, choices = loaded.model.config.max_position_embeddings, len(axes(loaded.model)) == 3
            loss = measure(
                stage / FLOAT, stage / INT8, loaded.tokenizer, positions=positions, choices=choices, cancelled=cancelled
            )
            facts["int8"] = {"bytes": (stage / INT8).stat().st_size, **asdict(loss)}
        _side_files(stage, source, loaded.model)
        write_json(stage / FACTS, facts | {"versions": versions() | {name: version(name) for name in _ROW.packages}})
    steps.finish()
    return {**facts, "folder": str(target)}


def _side_files(stage: Path, source: ModelSource, model: Any) -> None:
    """Copy the tokenizer and the licence; write the checked config, without the code that it would name elsewhere."""
    source.copy((*TOKENIZER_FILES, *(name for name in SIDE_FILES if name.startswith("LICENSE"))), stage)
    config = model.config.to_diff_dict() | {
        "architectures": [type(model).__name__],
        "model_type": model.config.model_type,
    }
    write_json(stage / CONFIG, {name: value for name, value in config.items() if name != "auto_map"})
