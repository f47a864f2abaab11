"""The folder of a compressed model: written atomically, read strictly."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from obce_core.architectures.modeling_obce import pad_layers
from obce_core.architectures.stored import StoredLayer, to_entry
from obce_core.compression.card import model_card
from obce_core.compression.provenance import PLAN, read_origin
from obce_core.compression.replacement import COMPENSATION
from obce_core.models.check import ModelReport, check_model
from obce_core.models.load import build, choose_device, choose_dtype, load_model, read_state
from obce_core.models.locate import CONFIG, SIDE_FILES, TOKENIZER_FILES, WEIGHTS
from obce_core.models.tokenizer import load_tokenizer
from obce_core.storage.atomic import atomic_write, write_json
from obce_core.storage.disk_space import require_space, tensor_bytes, writing

CARD = "README.md"


class Loaded(NamedTuple):
    """A model ready to use, in eval mode, and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


def write_checkpoint(
    stage: Path,
    model: PreTrainedModel,
    state: Mapping[str, torch.Tensor],
    report: ModelReport,
    plan: Mapping[str, Any],
    constants: Mapping[str, torch.Tensor],
    facts: Mapping[str, Any],
) -> None:
    """Fill a folder with the compressed model, its plan, constants, tokenizer, card and the original's side files.

    `state` is what the model was built from. The file has the tensors of the original's, by the same names: what that
    lacked (a pooler) is not made up, and what this class does not read (another head) goes along.
    """
    names = report.family.file_names(report.tensors)
    need = tensor_bytes([*state.values(), *constants.values()])
    require_space(stage, need)
    with writing(stage, need):
        save_file(
            {names[name]: tensor.contiguous() for name, tensor in state.items()},
            stage / WEIGHTS,
            metadata={"format": "pt"},
        )
        save_file(dict(constants), stage / COMPENSATION, metadata={"format": "pt"})
    atomic_write(
        stage / CONFIG, json.dumps(model.config.to_diff_dict() | _class_names(model), indent=1, sort_keys=True) + "\n"
    )
    if getattr(model.config, "auto_map", None):
        code = Path(inspect.getfile(type(model)))
        atomic_write(stage / code.name, code.read_bytes())
    write_json(stage / PLAN, plan)
    report.source.copy((*TOKENIZER_FILES, *SIDE_FILES), stage)
    atomic_write(stage / CARD, model_card(report, plan, facts))


def load(where: str | Path, *, device: str = "auto", dtype: str = "float32") -> Loaded:
    """Load a compressed model, or a stock one, strictly: every encoder tensor present, finite and of the right shape.

    Args:
        where: a folder written by `compress`, or anything `analyze` takes as a model.

    A head or pooler that is not in the file starts at random, with a warning.

    Raises:
        ModelError: see `check_compressed` and `check_model`.

    >>> model, tokenizer = load("demo")                                                # doctest: +SKIP
    """
    report = check_model(where)
    if not report.head.is_complete:
        warnings.warn(
            f"{report.source.name}: the file lacks {report.head.absent_words}, which starts at random.", stacklevel=2
        )
    return load_checked(report, device=device, dtype=dtype)


def load_checked(report: ModelReport, *, device: str = "auto", dtype: str = "float32") -> Loaded:
    """Load a checked model. Missing tensors of its head are random, without a warning (see `ModelReport.head`)."""
    import obce_core.hf  # noqa: F401  (so that pipelines and Auto classes know what is handed out)

    if not report.layers:
        stock = load_model(report, device=device, dtype=dtype)
        return Loaded(stock.model, stock.tokenizer)
    target, compute = choose_device(device), choose_dtype(dtype)
    read_origin(report)
    model = build_compact(report, report.layers, read_state(report))
    return Loaded(model.to(device=target, dtype=compute).eval(), load_tokenizer(report))


def build_compact(
    report: ModelReport,
    layers: Sequence[StoredLayer | None],
    state: dict[str, torch.Tensor],
    *,
    dtype: torch.dtype = torch.float32,
) -> PreTrainedModel:
    """Build the uneven model in `dtype` and fill it from compact tensors, named relative to the base model."""
    cls: Any = report.family.compact_class(report.architecture)
    entries = [None if layer is None else to_entry(layer, report.shape) for layer in layers]
    config = cls.config_class(**report.config, widths=entries, architectures=[report.architecture])
    model = build(cls, config, report, state, dtype=dtype)
    pad_layers(model)
    return model


def _class_names(model: PreTrainedModel) -> dict[str, Any]:
    return {"architectures": [type(model).__name__], "model_type": model.config.model_type}
