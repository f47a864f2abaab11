"""Ratios that hold on a shared machine: calls take turns, medians are compared, and a call is compared with itself."""

from __future__ import annotations

import statistics

from obce_core.measure.latency import Times, interleaved, seconds

__all__ = ["Times", "at_least", "at_most", "below", "interleaved", "median", "note", "ratio", "seconds"]


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
