"""The latency of a model relative to another: their calls alternate, so that a busy machine slows both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from obce_core.errors import BadInput, ModelError, ObceError
from obce_core.models.check import check_model
from obce_core.models.identity import identity_of
from obce_core.progress import Report, Steps
from obce_core.storage.atomic import read_json, write_json
from obce_core.version import ALGORITHMS

Times = dict[str, list[float]]
"""Seconds of every round, by the name of the call."""

BATCHES, LENGTH, ROUNDS = (1, 32), 128, 15
STEADY = 1.5
"""Third over first quartile of the times up to which they are read as a measurement."""

_SECONDS = 12.0
"""Rounds of one batch size end after this long, three at the least: a large model's are few."""


def seconds(call: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(
    calls: Mapping[str, Callable[[], Any]], rounds: int, *, warm: int = 1, lead: int = 0, limit: float = float("inf")
) -> Times:
    """Time every call once a round, so that a busy minute of the machine meets all of them.

    Every other round goes backwards: no call always follows the same neighbour. `lead` calls of the same kind go before
    each timed one, where neighbours differ so much (another runtime with threads of its own) that they leave traces.
    After `limit` seconds, and three rounds at the least, no further round begins.
    """
    times: Times = {name: [] for name in calls}
    start = time.perf_counter()
    for turn in range(-warm, rounds):
        if turn >= 3 and time.perf_counter() - start > limit:
            break
        for name in list(calls)[:: 1 if turn % 2 == 0 else -1]:
            for _ in range(lead):
                calls[name]()
            taken = seconds(calls[name])
            if turn >= 0:
                times[name].append(taken)
    return times


@dataclass(frozen=True, kw_only=True)
class BatchTime:
    """Median milliseconds of one batch of `batch` texts, of the original and of the model, over `rounds` rounds.

    `spread` is the wider of their two ratios of third to first quartile: how far the machine was from quiet.
    """

    batch: int
    original: float
    model: float
    rounds: int
    spread: float

    @property
    def steady(self) -> bool:
        """Whether the times agree well enough to be read; on a busy machine they do not."""
        return self.spread <= STEADY


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Times of both models in one run: `length` tokens a text, float32, on `device` with `threads` CPU threads.

    `identity` and `original` are the identities of the model and of what it was timed beside; None in a measurement of
    the older kind, which does not say which models it is of.
    """

    length: int
    device: str
    threads: int
    rows: tuple[BatchTime, ...]
    identity: Mapping[str, str] | None = None
    original: Mapping[str, str] | None = None
    algorithm: int = 0

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {**asdict(self), "rows": [asdict(row) for row in self.rows]}


def measure_latency(
    model: str | Path,
    against: str | Path,
    *,
    batches: Sequence[int] = BATCHES,
    length: int = LENGTH,
    rounds: int = ROUNDS,
    device: str = "auto",
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Latency:
    """Time a compressed model's encoder beside the original's, on random tokens, and keep the result beside the folder.

    Args:
        model: a folder that `compress` wrote.
        against: the original: what `analyze` takes as a model.
        batches: texts in a batch; one row each.
        length: tokens of a text (at most what the model has positions for).
        rounds: batches of each model, at the most; a batch size ends after 12 s and three rounds.
        progress: called with (steps done, steps in all).

    Raises:
        ModelError: a folder cannot be loaded, or the two are not of one vocabulary.
        BadInput: no batch size, or one below 1.
    """
    import torch

    from obce_core.compression.checkpoint import load_checked
    from obce_core.models.check import check_model
    from obce_core.models.load import choose_device, load_model

    if not batches or min(batches) < 1 or length < 1 or rounds < 1:
        raise BadInput("Batch sizes, length and rounds are whole numbers of 1 or more.")
    steps = Steps("The measurement", 1 + len(batches), progress, cancelled)
    steps.begin()
    where = choose_device(device)
    original, smaller = (
        load_model(against, device=str(where)),
        load_checked(check_model(model), device=str(where)).model,
    )
    smaller = getattr(smaller, original.report.family.root, smaller)
    words = int(original.report.config["vocab_size"])
    if words != int(smaller.config.vocab_size):
        raise ModelError(
            f"The original knows {words:,} tokens, the model {int(smaller.config.vocab_size):,}: they do not belong "
            "together."
        )
    length = min(length, int(original.report.config.get("max_position_embeddings", length)))
    rows = []
    for batch in batches:
        steps.begin()
        ids = torch.randint(0, words, (batch, length), generator=torch.Generator().manual_seed(0)).to(where)

        def call(module: torch.nn.Module, ids: torch.Tensor = ids) -> None:
            with torch.inference_mode():
                module(input_ids=ids)
            if where.type == "cuda":
                torch.cuda.synchronize(where)

        calls = {"original": lambda call=call: call(original.base), "model": lambda call=call: call(smaller)}
        times = interleaved(calls, rounds, limit=_SECONDS)
        middle = {name: 1000 * statistics.median(taken) for name, taken in times.items()}
        quartiles = [statistics.quantiles(taken, n=4) for taken in times.values() if len(taken) > 1]
        spread = max((high / low for low, _, high in quartiles), default=1.0)
        rows.append(BatchTime(batch=batch, **middle, rounds=len(times["model"]), spread=spread))
    steps.finish()
    identity = Latency(
        length=length,
        device=str(where),
        threads=torch.get_num_threads(),
        rows=tuple(rows),
        identity=identity_of(check_model(model)).plain(),
        original=identity_of(original.report).plain(),
        algorithm=ALGORITHMS["latency"],
    )
    write_json(_path(model), identity.plain())
    return identity


def read_latency(model: str | Path) -> Latency | None:
    """Read what was measured of a model folder; None when nothing was, or only of another model that lay there before.

    A measurement of the older kind, without an identity, is returned as it is.
    """
    try:
        facts = read_json(_path(model))
        latency = Latency(**{**facts, "rows": tuple(BatchTime(**row) for row in facts["rows"])})
        if latency.identity is None:
            return latency
        current = (identity_of(check_model(model)).plain(), ALGORITHMS["latency"])
        return latency if (latency.identity, latency.algorithm) == current else None
    except (ObceError, OSError, ValueError, KeyError, TypeError):
        return None


def _path(model: str | Path) -> Path:
    """Name the file beside a model's folder, which itself is never written to again."""
    folder = Path(model).expanduser().resolve()
    return folder.with_name(f"{folder.name}.latency.json")
