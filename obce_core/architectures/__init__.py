"""The registry of encoder families that can be analysed and cut, one row each."""

from __future__ import annotations

from obce_core.architectures.base import TAPS, AttentionSite, EncoderShape, Family, HookPoint, Tap
from obce_core.architectures.bert import Bert
from obce_core.errors import ModelError

FAMILIES: dict[str, Family] = {family.model_type: family for family in (Bert(),)}

__all__ = ["FAMILIES", "TAPS", "AttentionSite", "EncoderShape", "Family", "HookPoint", "Tap", "family_of"]


def family_of(model_type: object) -> Family:
    """Return the family of a config's `model_type`, or raise ModelError naming the known ones."""
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        known = ", ".join(family.title for family in FAMILIES.values())
        raise ModelError(
            f"The model type {str(model_type)[:60]!r} cannot be cut.", hint=f"Known families: {known} encoders."
        )
    return FAMILIES[model_type]
