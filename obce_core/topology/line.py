"""Zero-dimensional persistence of clouds on a line, by sorting.

N points on a line are joined into one piece by N-1 gaps between neighbours. Growing disks of radius r around the points
touch across a gap g when r = g/2, so the finite bars of the Vietoris-Rips filtration (radius convention) die at half
the gaps, and the last one, at half the largest gap, is r_f (arXiv 2312.10702, section 3; Edelsbrunner and Harer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from obce_core.errors import NotFinite

_BLOCK_BYTES = 1 << 19
"""Neurons are sorted in blocks that fit the processor's cache."""


def line_r_f(outputs: Float[np.ndarray, "texts neurons"]) -> Float[np.ndarray, " neurons"]:
    """Compute r_f of many neurons: half the largest gap between a neuron's sorted outputs, a radius.

    One text has no gap: r_f is 0. Cost O(neurons · N log N); deterministic.

    Raises:
        NotFinite: an output is NaN or inf.

    >>> line_r_f(np.array([[0.0], [1.0], [4.0]]))
    array([1.5])
    """
    result = np.empty(outputs.shape[1], dtype=np.float64)
    for start, ordered in sorted_blocks(outputs):
        # Gaps of float32 outputs are exact in float64, as in `line_merges` and `barcode`.
        gaps = np.subtract(ordered[:, 1:], ordered[:, :-1], dtype=np.float64)  # (neurons of the block, texts - 1)
        result[start : start + len(ordered)] = gaps.max(axis=1) / 2 if gaps.shape[1] else 0.0
    return result


def line_deaths(outputs: Float[np.ndarray, "texts neurons"]) -> Float[np.ndarray, "neurons texts-1"]:
    """Compute all finite deaths of many neurons, as radii, ascending along the last axis."""
    deaths = np.empty((outputs.shape[1], max(outputs.shape[0] - 1, 0)))
    for start, ordered in sorted_blocks(outputs):
        deaths[start : start + len(ordered)] = np.sort(np.diff(ordered.astype(np.float64), axis=1), axis=1) / 2
    return deaths


def sorted_blocks(outputs: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first neuron, its block's outputs sorted along texts), shape (neurons of the block, texts).

    Raises:
        NotFinite: an output is NaN or inf.
    """
    texts, neurons = outputs.shape
    step = max(1, _BLOCK_BYTES // max(1, texts * outputs.itemsize))
    for start in range(0, neurons, step):
        block = np.array(outputs[:, start : start + step].T, order="C")  # always a copy: what was given stays as it was
        block.sort(axis=1)
        # NaN sorts to the end, -inf to the start: two columns tell whether all is finite.
        if texts and not (np.isfinite(block[:, -1]).all() and np.isfinite(block[:, 0]).all()):
            raise NotFinite(f"{int((~np.isfinite(outputs)).sum())} outputs are NaN or inf.")
        yield start, block


@dataclass(frozen=True, kw_only=True)
class LineMerge:
    """One merge of two neighbouring parts on the line.

    `radius` is when they touch; `left` and `right` are the texts (places in the input) whose disks touch;
    `left_size` and `right_size` count the points of the two parts just before. The parts are intervals of the sorted
    points: `first` .. `gap` and `gap + 1` .. `last` (places in sorted order, both ends included).
    """

    radius: float
    left: int
    right: int
    first: int
    gap: int
    last: int

    @property
    def left_size(self) -> int:
        return self.gap - self.first + 1

    @property
    def right_size(self) -> int:
        return self.last - self.gap


def line_merges(values: Float[np.ndarray, " texts"]) -> tuple[Int[np.ndarray, " texts"], tuple[LineMerge, ...]]:
    """Return the sorted order of a neuron's outputs and its N-1 merges, by growing radius.

    Ties are merged from left to right. Points with equal values merge at radius 0.

    Raises:
        NotFinite: a value is NaN or inf.
    """
    if not np.isfinite(values).all():
        raise NotFinite(f"{int((~np.isfinite(values)).sum())} outputs are NaN or inf.")
    order = np.argsort(values, kind="stable")
    return order, join(np.diff(values[order].astype(np.float64)) / 2, order)


def join(radii: Float[np.ndarray, " merges"], order: Int[np.ndarray, " texts"]) -> tuple[LineMerge, ...]:
    """Merge points on a line by growing radius; `radii` says when each, in its order, becomes one with the next."""
    first = list(range(len(order)))  # by the last point of an interval: its first
    last = list(range(len(order)))  # by the first point of an interval: its last
    merges = []
    for gap in np.argsort(radii, kind="stable").tolist():
        start, end = first[gap], last[gap + 1]
        merges.append(
            LineMerge(
                radius=float(radii[gap]),
                left=int(order[gap]),
                right=int(order[gap + 1]),
                first=start,
                gap=gap,
                last=end,
            )
        )
        first[end], last[start] = start, end
    return tuple(merges)
