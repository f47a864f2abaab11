"""Tell a model that obce cut from a stock one, by its config alone."""

from __future__ import annotations

from obce_core.architectures.config import read_config
from obce_core.models.locate import CONFIG, ModelSource

PREFIX = "obce-"
"""A cut model's `model_type` is its family's with this in front."""


def is_compressed(source: ModelSource) -> bool:
    """Say whether a folder holds a model that this tool cut."""
    model_type = read_config(source.required(CONFIG)).get("model_type")
    return isinstance(model_type, str) and model_type.startswith(PREFIX)
