"""The background worker: one process for short calls that need a model or slow imports (previews, projections, images).

The dashboard's own process stays light. Work of more than a few seconds is a job (`obce_core.jobs`).
"""

from __future__ import annotations

from obce_core.background.client import Answer, BackgroundWorker
from obce_core.background.functions import FUNCTIONS, Function

__all__ = ["FUNCTIONS", "Answer", "BackgroundWorker", "Function"]
