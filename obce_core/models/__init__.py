"""Find, check and load a model whose files nobody vouches for."""

from __future__ import annotations

from obce_core.models.check import ModelReport, check_model
from obce_core.models.locate import ModelSource, locate
from obce_core.models.remote import Preview, preview_model

__all__ = ["ModelReport", "ModelSource", "Preview", "check_model", "locate", "preview_model"]
