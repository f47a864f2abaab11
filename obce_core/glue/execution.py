"""How units are computed, apart from what they are: nothing in here changes a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Listener = Callable[[Mapping[str, Any]], None]
"""Called with a row of a training curve."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The settings and callbacks of one process that computes units.

    `device` as in `choose_device`; `save_every` steps between two checkpoints within an epoch; `batch_size` examples
    computed at once (None: the recipe's batch), to need less memory. `attempt` and `guard` fence the writes of an
    older attempt (see `checkpoints.commit`). `progress(done, total)` counts steps, `listener` receives the rows of the
    curve, and `cancelled()` returns True once the work is to stop.
    """

    device: str = "auto"
    save_every: int = 500
    batch_size: int | None = None
    attempt: int = 1
    guard: Callable[[], None] = lambda: None
    progress: Callable[[int, int], None] = lambda done, total: None
    listener: Listener = lambda row: None
    cancelled: Callable[[], bool] = lambda: False
