"""Persistence of a small cloud by reduction of its boundary matrix: components (H0) and loops (H1).

The simplices of the full Vietoris-Rips complex are put in the order in which they appear: by radius, then by dimension.
Columns of the boundary matrix are added to later ones until no two have the same lowest 1. A column that becomes zero
gives birth to a hole; one that stays kills the hole of its lowest row (Edelsbrunner and Harer, chapter VII).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from obce_core.topology.complexes import distances


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """The bars of a cloud, as radii (edge lengths are twice as long).

    `h0` holds the deaths of pieces, rising, shape (N-1,); all N are born at 0 and one never dies (none of no points).
    `h1` holds (birth, death) of loops, by birth, shape (loops, 2); loops that are filled as soon as they close are left
    out.
    """

    points: int
    h0: Float[np.ndarray, " merges"]
    h1: Float[np.ndarray, "loops 2"]

    def alive(self, radius: float) -> tuple[int, int]:
        """Count the bars of H0 and H1 that are alive at a radius, which are the Betti numbers."""
        pieces = self.points - int((self.h0 <= radius).sum())
        return pieces, int(((self.h1[:, 0] <= radius) & (radius < self.h1[:, 1])).sum())


def bars(points: Float[np.ndarray, "points dim"]) -> Bars:
    """Compute the bars of pieces and loops of a cloud of at most `MAX_POINTS` points.

    Every loop ends, since all triangles are there at the last radius. Raises what `distances` raises.

    >>> square = bars(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]))
    >>> square.h0.tolist(), square.h1.round(3).tolist()
    ([1.0, 1.0, 1.0], [[1.0, 1.414]])
    """
    lengths = distances(points)
    count = len(lengths)
    edges = sorted(combinations(range(count), 2), key=lambda edge: (lengths[edge], edge))
    place = {edge: at for at, edge in enumerate(edges)}
    # A triangle appears with its longest edge, which is the one that comes last.
    triangles = sorted(
        (
            sorted((place[face] for face in combinations(triangle, 2)), reverse=True)
            for triangle in combinations(range(count), 3)
        ),
    )
    joins = _reduce([(1 << a) | (1 << b) for a, b in edges])  # lowest vertex: the edge that ends its piece
    fills = _reduce(
        [(1 << a) | (1 << b) | (1 << c) for a, b, c in triangles]
    )  # lowest edge: the triangle that fills its loop
    scale = np.array([lengths[edge] / 2 for edge in edges])
    h0 = np.sort(scale[sorted(joins.values())]) if edges else np.empty(0)
    pairs = [(float(scale[edge]), float(scale[triangles[triangle][0]])) for edge, triangle in fills.items()]
    h1 = np.array(sorted(pair for pair in pairs if pair[0] < pair[1])).reshape(-1, 2)
    return Bars(points=count, h0=h0, h1=h1)


def _reduce(columns: list[int]) -> dict[int, int]:
    """Reduce columns from left to right, entries as bits; return which column keeps each lowest row."""
    lowest: dict[int, int] = {}
    reduced: list[int] = []
    for at, column in enumerate(columns):
        while column and (low := column.bit_length() - 1) in lowest:
            column ^= reduced[lowest[low]]
        reduced.append(column)
        if column:
            lowest[column.bit_length() - 1] = at
    return lowest
