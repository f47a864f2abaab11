"""The estimate of an analysis: disk and memory by counting, time from earlier analyses of this machine."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from obce_core import settings
from obce_core.analysis.analysis import BASE_COLUMNS, stored_criteria
from obce_core.analysis.catalog import Saved
from obce_core.components import COMPONENTS
from obce_core.models import ModelReport
from obce_core.storage.resources import available_memory


@dataclass(frozen=True, kw_only=True)
class AnalysisEstimate:
    """What an analysis takes: bytes on disk (`at_most` for `tokens="all"`) and of memory, with what is free now.

    `seconds` and `rate` (texts a second) are None where no earlier analysis of this model was measured the same way;
    `measured_on` is the number of texts of the one they are taken from. `start` is the part of `seconds` that goes
    before the first text (process, model, texts); None where no run of such an analysis is left, and then it is not in
    `seconds`.
    """

    disk: int
    at_most: bool
    disk_free: int
    memory: int
    memory_free: int | None
    seconds: float | None = None
    rate: float | None = None
    measured_on: int = 0
    start: float | None = None


def estimate_analysis(
    report: ModelReport,
    *,
    n_texts: int,
    max_length: int,
    tokens: str,
    saved: Iterable[Saved] = (),
    starts: Mapping[str, float] | None = None,
) -> AnalysisEstimate:
    """Estimate what an analysis takes, before it runs.

    Disk: float32 outputs of every neuron, a row a text (a row a token for `all`, so at most `max_length` a text), and
        the
    table of importance in float64. Time: that of the saved analysis of the same model, tokens and longest text whose
    number of texts is nearest, scaled by the number of texts, and the start. `starts` are the seconds of a start by the
    id of a saved analysis (`jobs.starts`); that of this model is their lower median.
    """
    neurons = sum(
        len(report.neurons(layer, name)) for layer in range(1, report.shape.layers + 1) for name in COMPONENTS
    )
    columns = len(dict.fromkeys((*BASE_COLUMNS, *stored_criteria())))
    rows = n_texts * (max_length if tokens == "all" else 1)
    tensors = {name: list(info.shape) for name, info in report.tensors.items() if info.dtype[0] in "FB"}
    same = [
        entry
        for entry in saved
        if (entry.meta["model"]["name"], entry.meta["model"]["tensors"]) == (report.source.name, tensors)
    ]
    like = [
        entry
        for entry in same
        if (entry.meta["tokens"], entry.meta["max_length"]) == (tokens, max_length) and entry.meta.get("seconds", 0) > 0
    ]
    nearest = min(like, key=lambda entry: abs(entry.meta["texts"]["n"] - n_texts), default=None)
    start_times = [starts[entry.id] for entry in same if starts and entry.id in starts]
    start = statistics.median_low(start_times) if start_times else None
    rate = None if nearest is None else nearest.meta["texts"]["n"] / nearest.meta["seconds"]
    return AnalysisEstimate(
        disk=4 * neurons * rows + 8 * neurons * columns,
        at_most=tokens == "all",
        disk_free=_disk_free(),
        memory=report.memory_bytes,
        memory_free=available_memory(),
        seconds=None if rate is None else n_texts / rate + (start or 0.0),
        rate=rate,
        measured_on=0 if nearest is None else nearest.meta["texts"]["n"],
        start=start,
    )


def _disk_free() -> int:
    home = settings.cache_dir()
    while not home.exists():
        home = home.parent
    return shutil.disk_usage(home).free
