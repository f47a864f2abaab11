"""Find, check and load a model whose files nobody vouches for."""

from __future__ import annotations

from obce_core.models.check import ModelReport, check_model
from obce_core.models.locate import ModelSource, locate

__all__ = ["ModelReport", "ModelSource", "check_model", "locate"]
