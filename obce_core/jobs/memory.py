"""Estimates of the memory of jobs on one model, from measured peaks.

Measured with the demo model (0.09 GB of weights) and a BERT Base (0.44 GB), float32, 2 threads: above what the
libraries, plus a multiple of the model's weights. Between the two, and for others, it is a guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from obce_core.errors import ObceError

LIBRARIES = 560_000_000
"""Bytes of a process with torch, transformers and pyarrow loaded, from a measured analysis of the demo."""

Estimate = Callable[[Mapping[str, Any]], int | None]


def times_the_weights(times: float, model: Callable[[Mapping[str, Any]], str]) -> Estimate:
    """Estimate a job's bytes as the libraries' plus a multiple of the weights; None if the model is remote."""

    def estimate(options: Mapping[str, Any]) -> int | None:
        from obce_core.models.locate import WEIGHTS, locate

        try:
            spec = model(options)
            if spec != "demo" and not Path(spec).expanduser().is_dir():
                return None  # on the hub, perhaps: not asked here
            return LIBRARIES + int(times * (locate(spec).folder / WEIGHTS).stat().st_size)
        except (OSError, ObceError):
            return None

    return estimate


def option(name: str) -> Callable[[Mapping[str, Any]], str]:
    """Return how to read a model's name from the options."""
    return lambda options: str(options.get(name) or "")


def analysed(options: Mapping[str, Any]) -> str:
    """Return the model that the analysis in the options was made of."""
    from obce_core.analysis.analysis import read_analysis

    return str(read_analysis(str(options.get("analysis") or "")).meta["model"]["spec"])
