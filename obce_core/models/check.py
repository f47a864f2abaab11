"""Check a model from its files alone, without torch: what it is, and whether it can be cut."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obce_core.architectures import Family, family_of
from obce_core.architectures.config import read_config, read_fields, read_labels
from obce_core.errors import ConfigError, ModelError, shorten
from obce_core.models.compressed import check_compressed, is_compressed
from obce_core.models.locate import CONFIG, ModelSource, locate
from obce_core.models.report import ModelReport
from obce_core.models.vocabulary import check_vocabulary
from obce_core.models.weights import check_tensors, read_header


def check_model(spec: str | Path | ModelSource, *, revision: str | None = None) -> ModelReport:
    """Check a model before anything is built from it.

    Raises:
        ModelError: what is wrong, in which file, and what to do (see `locate`, `read_header`, `check_tensors`,
            `check_vocabulary`).
    """
    source = spec if isinstance(spec, ModelSource) else locate(spec, revision=revision)
    if is_compressed(source):
        return check_compressed(source)
    raw = read_config(source.required(CONFIG))
    if raw.get("auto_map"):
        raise ModelError(
            "This model needs custom code (auto_map in config.json); custom code is never run.",
            hint="Supported: BERT encoders.",
        )
    family = family_of(raw.get("model_type"))
    reason = family.refuse(raw)
    if reason:
        raise ConfigError(f"config.json: {reason}")
    config = {**read_fields(raw, family.fields), **read_labels(raw)}
    tensors = read_header(source.weights)
    extra, unused = check_tensors(source, tensors, family, config)
    check_vocabulary(source, config)
    known_values = {field.name for field in family.fields} | {"id2label", "label2id", "architectures", "model_type"}
    return ModelReport(
        source=source,
        family=family,
        architecture=_architecture(raw, family),
        shape=family.shape(config),
        config=config,
        ignored=tuple(sorted(shorten(name) for name in raw if name not in known_values)),
        tensors={name: info for name, info in tensors.items() if name not in unused},
        extra=tuple(extra),
        unused={name: tensors[name] for name in unused},
    )


def _architecture(raw: Mapping[str, Any], family: Family) -> str:
    names = raw.get("architectures")
    if not names:
        return family.architecture("")
    if not isinstance(names, list) or not isinstance(names[0], str):
        raise ConfigError(f"config.json: architectures is {shorten(names)}; expected a list of names.")
    return family.architecture(names[0])
