"""A compressed model as a folder: written whole or not at all, read back strictly."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from obce_core.architectures import EncoderShape, Family, family_of
from obce_core.architectures.config import read_config, read_fields, read_labels
from obce_core.architectures.modeling_obce import pad_layers
from obce_core.compression.card import model_card
from obce_core.compression.origin import PLAN, read_origin
from obce_core.compression.removed import COMPENSATION
from obce_core.errors import ConfigError, ModelError, shorten
from obce_core.models.check import ModelReport, check_model
from obce_core.models.compressed import PREFIX, is_compressed
from obce_core.models.load import build, choose_device, choose_dtype, load_model, load_tokenizer, read_state
from obce_core.models.locate import CONFIG, SIDE_FILES, TOKENIZER_FILES, WEIGHTS, ModelSource, locate
from obce_core.models.weights import FLOATS, read_header
from obce_core.plan.widths import LayerWidths, original_widths, stored_shapes
from obce_core.store import atomic_write, write_json

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
    save_file({names[name]: tensor.contiguous() for name, tensor in state.items()}, stage / WEIGHTS, metadata={"format": "pt"})
    save_file(dict(constants), stage / COMPENSATION, metadata={"format": "pt"})
    atomic_write(stage / CONFIG, json.dumps(model.config.to_diff_dict() | _class_names(model), indent=1, sort_keys=True) + "\n")
    if getattr(model.config, "auto_map", None):
        code = Path(inspect.getfile(type(model)))
        atomic_write(stage / code.name, code.read_bytes())
    write_json(stage / PLAN, plan)
    for name in (*TOKENIZER_FILES, *SIDE_FILES):
        found = report.source.file(name)
        if found is not None:
            atomic_write(stage / name, found.read_bytes())
    atomic_write(stage / CARD, model_card(report, plan, facts))


def load(where: str | Path, *, device: str = "auto", dtype: str = "float32") -> Loaded:
    """Load a compressed model, or a stock one, strictly: every encoder tensor present, finite and of the right shape.

    Args:
        where: a folder written by `compress`, or anything `analyze` takes as a model.

    Raises:
        ModelError: see `check_compressed` and `check_model`.

    >>> model, tokenizer = load("demo")                                                # doctest: +SKIP
    """
    import obce_core.hf  # noqa: F401  (so that pipelines and Auto classes know what is handed out)

    source = locate(where)
    if not is_compressed(source):
        stock = load_model(check_model(source), device=device, dtype=dtype)
        return Loaded(stock.model, stock.tokenizer)
    target, compute = choose_device(device), choose_dtype(dtype)
    report, widths = check_compressed(source)
    model = build_compact(report, widths, read_state(report))
    return Loaded(model.to(device=target, dtype=compute).eval(), load_tokenizer(report))


def check_compressed(source: ModelSource) -> tuple[ModelReport, list[LayerWidths | None]]:
    """Check a compressed folder before anything is built: config, widths of every head, tensors and their shapes, and
    that plan, constants and config are those of the cut (see `read_origin`).

    Raises:
        ConfigError: a field or a width that is impossible or was edited.
        ModelError: a tensor or file is missing, left over, altered, or of another shape; names it.
    """
    raw = read_config(source.required(CONFIG))
    family = family_of(str(raw.get("model_type", ""))[len(PREFIX) :])
    reason = family.refuse(raw)
    if reason:
        raise ConfigError(f"config.json: {reason}")
    config = {**read_fields(raw, family.fields), **read_labels(raw)}
    shape = family.shape(config)
    widths = _read_widths(raw.get("widths"), shape)
    named = raw.get("architectures")
    if not isinstance(named, list) or len(named) != 1 or not isinstance(named[0], str):
        raise ConfigError(f"config.json: architectures is {shorten(named)}; expected a list of one name.")
    tensors = read_header(source.weights)
    wanted = compact_tensors(family, config, widths)
    have = {family.strip_root(name): info for name, info in tensors.items()}
    for name, size in wanted.items():
        if name not in have:
            raise ModelError(f"{WEIGHTS}: tensor {name} is missing; the model is not loaded.")
        if have[name].shape != size or have[name].dtype not in FLOATS:
            raise ModelError(f"{WEIGHTS}: {name} is {have[name].dtype} {list(have[name].shape)}, config.json asks for {list(size)}.")
    extra = [name for name in have if name not in wanted]
    parts = {name.split(".")[0] for name in wanted}  # of the encoder; a pooler or head is another part
    strange = [name for name in extra if name.split(".")[0] in parts and have[name].dtype in FLOATS]
    if strange:
        raise ModelError(f"{WEIGHTS}: tensor {shorten(strange[0])} belongs to no part of this model.")
    report = ModelReport(
        source=source, family=family, architecture=family.architecture(named[0].removeprefix("Obce")), shape=shape,
        config=config, ignored=(), tensors=tensors, extra=tuple(extra),
    )  # fmt: skip
    read_origin(report, widths)
    return report, widths


def compact_tensors(family: Family, config: Mapping[str, Any], widths: list[LayerWidths | None]) -> dict[str, tuple[int, ...]]:
    """List the tensors that a compressed encoder must have, relative to the base model, with their shapes."""
    found, shape = dict(family.tensors(config)), family.shape(config)
    for layer, row in enumerate(widths, start=1):
        for name, size in stored_shapes(row or original_widths(shape), shape).items():
            component, part = name.split(".")
            found[f"{family.linear(layer, component)}.{part}"] = size
    return found


def build_compact(
    report: ModelReport, widths: list[LayerWidths | None], state: dict[str, torch.Tensor], *, dtype: torch.dtype = torch.float32
) -> PreTrainedModel:
    """Build the uneven model in `dtype` and fill it from compact tensors, named relative to the base model."""
    cls: Any = report.family.compact_class(report.architecture)
    rows = [None if row is None else width_entry(row) for row in widths]
    config = cls.config_class(**report.config, widths=rows, architectures=[report.architecture])
    model = build(cls, config, report, state, dtype=dtype)
    pad_layers(model)
    return model


def width_entry(row: LayerWidths) -> dict[str, Any]:
    """Write a layer's widths as config.json holds them."""
    return {
        "pairs": list(row.pairs), "extra": list(row.extra), "values": list(row.values), "intermediate": row.intermediate
    }  # fmt: skip


def _class_names(model: PreTrainedModel) -> dict[str, Any]:
    return {"architectures": [type(model).__name__], "model_type": model.config.model_type}


def _read_widths(value: object, shape: EncoderShape) -> list[LayerWidths | None]:
    if not isinstance(value, list) or len(value) != shape.layers:
        raise ConfigError(f"config.json: widths must list {shape.layers} layers.")
    return [None if row is None else _read_row(row, layer, shape) for layer, row in enumerate(value, start=1)]


def _read_row(row: object, layer: int, shape: EncoderShape) -> LayerWidths:
    where = f"config.json: widths of layer {layer}"
    if not isinstance(row, dict) or set(row) != {"pairs", "extra", "values", "intermediate"}:
        raise ConfigError(f"{where} must have pairs, extra, values and intermediate.")
    found: dict[str, tuple[int, ...]] = {}
    for name, high in (("pairs", shape.head_size), ("extra", 1), ("values", shape.head_size)):
        entry = row[name]
        if not isinstance(entry, list) or len(entry) != shape.heads:
            raise ConfigError(f"{where}: {name} must list {shape.heads} heads.")
        if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= high for n in entry):
            raise ConfigError(f"{where}: {name} must be whole numbers from 0 to {high}.")
        found[name] = tuple(entry)
    if any(pairs + extra > shape.head_size for pairs, extra in zip(found["pairs"], found["extra"], strict=True)):
        raise ConfigError(f"{where}: a head has more key rows than its original {shape.head_size}.")
    middle = row["intermediate"]
    if not isinstance(middle, int) or isinstance(middle, bool) or not 0 <= middle <= shape.intermediate:
        raise ConfigError(f"{where}: intermediate must be a whole number from 0 to {shape.intermediate}.")
    return LayerWidths(pairs=found["pairs"], extra=found["extra"], values=found["values"], intermediate=middle)
