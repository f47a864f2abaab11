"""Ratios that hold on a shared machine: calls take turns, medians are compared, and a call is compared with itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Times = dict[str, list[float]]
"""Seconds of every round, by the name of the call."""


def seconds(call: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def interleaved(calls: Mapping[str, Callable[[], Any]], rounds: int, *, warm: int = 1, lead: int = 0) -> Times:
    """Time every call once a round, so that a busy minute of the machine meets all of them.

    Every other round goes backwards: no call always follows the same neighbour. `lead` calls of the same kind go before
    each timed one, where neighbours differ so much (another runtime with threads of its own) that they leave traces.
    """
    times: Times = {name: [] for name in calls}
    for turn in range(-warm, rounds):
        for name in list(calls)[:: 1 if turn % 2 == 0 else -1]:
            for _ in range(lead):
                calls[name]()
            taken = seconds(calls[name])
            if turn >= 0:
                times[name].append(taken)
    return times


def median(times: Times, name: str) -> float:
    """Return the median seconds of a call."""
    return statistics.median(times[name])


def ratio(times: Times, above: str, below: str) -> float:
    """Divide the medians of two calls that took turns."""
    return median(times, above) / median(times, below)


def at_most(what: str, value: float, target: float, unit: str = "") -> bool:
    """Print a measured value beside its upper bound."""
    return _judge(what, value, target, "at most", value <= target, unit)


def at_least(what: str, value: float, target: float, unit: str = "") -> bool:
    """Print a measured value beside its lower bound."""
    return _judge(what, value, target, "at least", value >= target, unit)


def below(what: str, value: float, target: float, unit: str = "") -> bool:
    """Print a measured value beside a bound that it must stay under."""
    return _judge(what, value, target, "below", value < target, unit)


def note(what: str, value: str) -> None:
    """Print a figure that has no target."""
    print(f"      {what}: {value}", flush=True)


def _judge(what: str, value: float, target: float, sense: str, good: bool, unit: str) -> bool:
    print(f"{'PASS' if good else 'MISS'}  {what}: {value:,.4g}{unit} (target: {sense} {target:,g}{unit})", flush=True)
    return good
