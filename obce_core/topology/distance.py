"""The bottleneck distance between barcodes."""

from __future__ import annotations

import numpy as np

from obce_core.topology.barcode import Barcode


def bottleneck(first: Barcode, second: Barcode) -> float:
    """Compute the bottleneck distance of two zero-dimensional diagrams, exactly, as a radius.

    Points of the two diagrams are matched with each other or with the diagonal so that the farthest match is as near as
    possible; distances in the plane are the larger of the two coordinates' differences. The infinite bars match at 0.

    Every bar here is born at 0, so no search is needed: the k longest bars of one are matched in order with the k
    longest of the other, all others with the diagonal, half their death away, and the best k is taken. (For a distance
    t, bars with a death above 2t need a partner; if any partners are near enough, those in order are.) It agrees with
    gudhi.hera at delta = 0, without gudhi, whose import loads code under the GPL. O(N log N).

    >>> bottleneck(Barcode(deaths=np.array([0.2, 1.0])), Barcode(deaths=np.array([0.7])))  # 1.0 with 0.7
    0.30000000000000004
    """
    a, b = (np.sort(np.asarray(bars.deaths, dtype=np.float64))[::-1] for bars in (first, second))
    pairs = min(len(a), len(b))
    matched = np.maximum.accumulate(
        np.append(0.0, np.abs(a[:pairs] - b[:pairs]))
    )  # (pairs + 1,): the farthest of k matches
    left = [np.append(bars, 0.0)[: pairs + 1] / 2 for bars in (a, b)]  # the longest bar left over
    return float(np.maximum(matched, np.maximum(*left)).min())
