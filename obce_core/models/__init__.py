"""Locate, validate and load untrusted models."""

from __future__ import annotations

from obce_core.models.check import ModelReport, check_model
from obce_core.models.locate import DOWNLOADS, ModelSource, locate
from obce_core.models.remote import RemotePreview, preview_model

__all__ = ["DOWNLOADS", "ModelReport", "ModelSource", "RemotePreview", "check_model", "locate", "preview_model"]
