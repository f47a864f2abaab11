"""The texts on either side of a neuron's widest gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from obce_core.topology import ThinLine

WHOLE = 10
"""A side of up to this many texts is shown whole, of a larger one the texts nearest to the gap."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of the widest gap: `texts` are places in the input, the nearest to the gap first, `size` counts all."""

    texts: tuple[int, ...]
    size: int


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of the widest gap (`small` is the left one if equal), and the outputs at its ends."""

    small: Side
    large: Side
    small_is_left: bool
    low: float
    high: float


def sides(values: np.ndarray, line: ThinLine, most: int = WHOLE) -> Sides | None:
    """Return the two sides of the last merge of a neuron's outputs; None without a gap (all equal, or one text).

    `values` are the outputs, shape (texts,), `line` what `thin_line` made of them.
    """
    if not line.merges or not line.merges[-1].radius:
        return None
    last = line.merges[-1]
    low, high = float(line.values[last.gap]), float(line.values[last.gap + 1])
    order = np.argsort(values, kind="stable")
    at = int(np.searchsorted(values[order].astype(np.float64), low, side="right"))
    left = Side(texts=tuple(order[:at][::-1][:most].tolist()), size=at)
    right = Side(texts=tuple(order[at:][:most].tolist()), size=len(order) - at)
    small_is_left = left.size <= right.size
    small, large = (left, right) if small_is_left else (right, left)
    return Sides(small=small, large=large, small_is_left=small_is_left, low=low, high=high)


def shares(column: Sequence[str], part: np.ndarray) -> list[tuple[str, int, int]]:
    """Count a column's values among some texts (booleans) and among all: (value, among these, among all), most first.

    >>> shares(["art", "music", "art"], np.array([True, False, False]))
    [('art', 1, 2)]
    """
    every = Counter(column)
    here = Counter(value for value, chosen in zip(column, part.tolist(), strict=True) if chosen)
    return [(value, count, every[value]) for value, count in here.most_common()]
