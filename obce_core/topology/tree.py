"""The minimum spanning tree of a cloud in R^d, which single linkage and zero-dimensional persistence share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_DIRECT = 16
"""Up to this many coordinates distances are computed from the points alone, at every step."""

_WHOLE = 4096
"""Up to this many points all distances are held at once (134 MB)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """A minimum spanning tree: edges by growing length, `edges` of shape (N-1, 2), `lengths` of shape (N-1,)."""

    edges: Int[np.ndarray, "merges 2"]
    lengths: Float[np.ndarray, " merges"]


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Two parts become one at `radius`; `left` and `right` are the points that touch, the sizes are of their parts."""

    radius: float
    left: int
    right: int
    left_size: int
    right_size: int


def minimum_spanning_tree(points: Float[np.ndarray, "texts dim"]) -> Tree:
    """Grow a minimum spanning tree by Prim's rule, O(N² d) time and O(N d) memory; equal points give edges of length 0.

    From 17 coordinates on squared distances come from one matrix product (O(N²) memory up to 4,096 points, a second for
    N = 1500 in 1,536 dimensions instead of half a minute). Rounding may then prefer an edge over one that is shorter by
    less than about 1e-7 of the cloud's size; the lengths of the chosen edges are always computed from the points.

    (scipy's routine takes a zero distance for "no edge" and loses duplicates, so it is not used here.)
    """
    count = len(points)
    if count < 2:
        return Tree(edges=np.empty((0, 2), dtype=np.int64), lengths=np.empty(0))
    nearest = np.full(count, np.inf)  # squared distance of each point outside to the tree
    parent = np.zeros(count, dtype=np.int64)
    outside = np.ones(count, dtype=bool)
    edges = np.empty((count - 1, 2), dtype=np.int64)
    newest = 0
    outside[0] = False
    squares = _squared_distances(points) if points.shape[1] > _DIRECT and count <= _WHOLE else None
    for step in range(count - 1):
        closer = ((points - points[newest]) ** 2).sum(axis=1) if squares is None else squares[newest]
        better = outside & (closer < nearest)
        nearest[better], parent[better] = closer[better], newest
        newest = int(np.argmin(np.where(outside, nearest, np.inf)))
        edges[step] = parent[newest], newest
        outside[newest] = False
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    order = np.argsort(lengths, kind="stable")
    return Tree(edges=edges[order], lengths=lengths[order])


def _squared_distances(points: Float[np.ndarray, "texts dim"]) -> Float[np.ndarray, "texts texts"]:
    """Compute |x|² + |y|² - 2xy in float64 about the mean, where least is lost to rounding."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    products = centred @ centred.T
    norms = products.diagonal()
    return np.maximum(norms[:, None] + norms[None, :] - 2 * products, 0.0)


def merges(points: Float[np.ndarray, "texts dim"]) -> tuple[Merge, ...]:
    """Return the merge tree of a cloud in R^d: its N-1 merges by growing radius."""
    tree = minimum_spanning_tree(points)
    leader = list(range(len(points)))
    size = [1] * len(points)

    def find(point: int) -> int:
        while leader[point] != point:
            leader[point] = leader[leader[point]]
            point = leader[point]
        return point

    results = []
    for (left, right), length in zip(tree.edges.tolist(), tree.lengths.tolist(), strict=True):
        a, b = find(left), find(right)
        results.append(Merge(radius=length / 2, left=left, right=right, left_size=size[a], right_size=size[b]))
        leader[b] = a
        size[a] += size[b]
    return tuple(results)
