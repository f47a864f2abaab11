"""Recognise and check a compressed model from its files alone, without torch."""

from __future__ import annotations

from obce_core.architectures import family_of
from obce_core.architectures.config import read_config, read_fields, read_labels
from obce_core.architectures.stored import compact_tensors, read_entries, widths_of
from obce_core.errors import ConfigError, ModelError, shorten
from obce_core.models.locate import CONFIG, WEIGHTS, ModelSource
from obce_core.models.prefix import find_prefixes, wrong_prefix
from obce_core.models.report import ModelReport
from obce_core.models.vocabulary import check_vocabulary
from obce_core.models.weights import FLOATS, by_base_name, read_header

PREFIX = "obce-"
"""A cut model's `model_type` is its family's with this in front."""


def is_compressed(source: ModelSource) -> bool:
    """Return True if a folder holds a model that was cut by OBCE."""
    model_type = read_config(source.required(CONFIG)).get("model_type")
    return isinstance(model_type, str) and model_type.startswith(PREFIX)


def check_compressed(source: ModelSource) -> ModelReport:
    """Check a cut model before anything is built: config, stored rows of every head, tensors and their shapes.

    Its `auto_map` is ignored: the class comes from this package.

    Raises:
        ConfigError: a field or a width that is impossible.
        ModelError: a tensor is missing, left over, or of another shape; names it.
    """
    raw = read_config(source.required(CONFIG))
    family = family_of(str(raw.get("model_type", ""))[len(PREFIX) :])
    reason = family.refuse(raw)
    if reason:
        raise ConfigError(f"config.json: {reason}")
    config = {**read_fields(raw, family.fields), **read_labels(raw)}
    shape = family.shape(config)
    layers = read_entries(raw.get("widths"), shape)
    names = raw.get("architectures")
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise ConfigError(f"config.json: architectures is {shorten(names)}; expected a list of one name.")
    tensors = read_header(source.weights)
    widths = compact_tensors(family, config, widths_of(layers))
    have = by_base_name(tensors, family)
    for name, size in widths.items():
        if name not in have:
            prefixes = find_prefixes(tensors, widths, family)
            if prefixes:
                raise wrong_prefix(source, prefixes)
            raise ModelError(f"{WEIGHTS}: tensor {name} is missing; the model is not loaded.")
        if have[name].shape != size or have[name].dtype not in FLOATS:
            raise ModelError(
                f"{WEIGHTS}: {name} is {have[name].dtype} {list(have[name].shape)}, config.json asks for {list(size)}."
            )
    extra = [name for name in have if name not in widths]
    parts = {name.split(".")[0] for name in widths}  # of the encoder; a pooler or head is another part
    strange = [name for name in extra if name.split(".")[0] in parts and have[name].dtype in FLOATS]
    if strange:
        raise ModelError(f"{WEIGHTS}: tensor {shorten(strange[0])} belongs to no part of this model.")
    check_vocabulary(source, config)
    return ModelReport(
        source=source,
        family=family,
        architecture=family.architecture(names[0].removeprefix("Obce")),
        shape=shape,
        config=config,
        ignored=(),
        tensors=tensors,
        extra=tuple(extra),
        layers=tuple(layers),
    )
