"""Simplicial complexes of points, edges and triangles, and their homology over Z/2.

A simplex is a set of vertices: one is a point, two an edge, three a triangle; its faces are its subsets but the empty
one. A complex is a set of simplices that holds all faces of each. Homology counts holes by linear algebra over Z/2: the
boundary of a simplex is the sum of its faces of one dimension less, and a hole is a chain without boundary that is
itself no boundary (Edelsbrunner and Harer, Computational Topology, chapters III and IV; arXiv 2312.10702, appendix).

Written for lessons, some 40 points: every step is the textbook's, none is clever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from jaxtyping import Float, UInt8

from obce_core.errors import BadInput, NotFinite

Simplex = tuple[int, ...]
"""Vertices in rising order."""

MAX_POINTS = 64
"""A complex of N points may have N(N-1)(N-2)/6 triangles: 41,664 of 64."""


@dataclass(frozen=True, kw_only=True)
class Complex:
    """A complex up to dimension 2: its vertices, edges and triangles, each in lexicographic order."""

    vertices: tuple[Simplex, ...]
    edges: tuple[Simplex, ...]
    triangles: tuple[Simplex, ...]

    def of(self, dim: int) -> tuple[Simplex, ...]:
        """Return the simplices of a dimension; there are none outside 0 to 2."""
        return (self.vertices, self.edges, self.triangles)[dim] if 0 <= dim <= 2 else ()

    def boundary(self, dim: int) -> UInt8[np.ndarray, "faces simplices"]:
        """Return the boundary matrix over Z/2: 1 where the row's simplex is a face of the column's.

        `dim` 1 has a row a vertex and a column an edge, `dim` 2 a row an edge and a column a triangle.
        """
        faces = {face: row for row, face in enumerate(self.of(dim - 1))}
        matrix = np.zeros((len(faces), len(self.of(dim))), dtype=np.uint8)
        for column, simplex in enumerate(self.of(dim)):
            for face in combinations(simplex, dim):
                matrix[faces[face], column] = 1
        return matrix

    def rank(self, dim: int) -> int:
        """Return the rank of the boundary matrix of dimension 1 or 2."""
        return self._ranks[dim - 1]

    @cached_property
    def _ranks(self) -> tuple[int, int]:
        return rank_z2(self.boundary(1)), rank_z2(self.boundary(2))

    @property
    def betti(self) -> tuple[int, int]:
        """The Betti numbers (b0, b1): pieces, and loops that no triangles fill.

        b0 = V - rank of the first boundary matrix; b1 = E - rank of the first - rank of the second.
        """
        first, second = self.rank(1), self.rank(2)
        return len(self.vertices) - first, len(self.edges) - first - second

    @property
    def cavities(self) -> int:
        """b2, hollows closed in by triangles: F - rank of the second boundary matrix.

        True of the complex as it is. A Vietoris-Rips complex is cut at triangles here, so it tells nothing of the whole
        one.
        """
        return len(self.triangles) - self.rank(2)

    @property
    def euler(self) -> int:
        """The Euler characteristic V - E + F, which is b0 - b1 + b2."""
        return len(self.vertices) - len(self.edges) + len(self.triangles)


def missing_faces(simplices: Iterable[Simplex]) -> tuple[Simplex, ...]:
    """Return the faces that a set of simplices lacks to be a complex, points first; empty when it is one.

    >>> missing_faces([(0,), (1,), (0, 1, 2)])
    ((2,), (0, 1), (0, 2), (1, 2))
    """
    there = {tuple(sorted(simplex)) for simplex in simplices}
    faces = {face for simplex in there for size in range(1, len(simplex)) for face in combinations(simplex, size)}
    return tuple(sorted(faces - there, key=lambda face: (len(face), face)))


def complex_of(simplices: Iterable[Simplex]) -> Complex:
    """Make a complex of simplices of at most three vertices.

    Raises:
        BadInput: a face is missing, or a simplex has no vertex, a vertex twice, or more than three.
    """
    there = {tuple(sorted(simplex)) for simplex in simplices}
    odd = sorted(simplex for simplex in there if not 1 <= len(simplex) <= 3 or len(set(simplex)) != len(simplex))
    if odd:
        raise BadInput(f"A simplex here has one to three different vertices; found {odd[0]}.")
    missing = missing_faces(there)
    if missing:
        raise BadInput(f"Not a complex: {len(missing)} faces are missing, {missing[0]} first.")
    vertices, edges, triangles = (
        tuple(sorted(simplex for simplex in there if len(simplex) == size)) for size in (1, 2, 3)
    )
    return Complex(vertices=vertices, edges=edges, triangles=triangles)


def distances(points: Float[np.ndarray, "points dim"]) -> Float[np.ndarray, "points points"]:
    """Compute the distance of every two points.

    Raises:
        BadInput: the array has another shape, or more points than `MAX_POINTS`.
        NotFinite: a coordinate is NaN or inf.
    """
    cloud = np.asarray(points, dtype=np.float64)
    if cloud.ndim != 2 or len(cloud) > MAX_POINTS:
        raise BadInput(f"Points have shape (N, d) with N up to {MAX_POINTS}; found {cloud.shape}.")
    if not np.isfinite(cloud).all():
        raise NotFinite(f"{int((~np.isfinite(cloud)).sum())} coordinates of the points are NaN or inf.")
    return np.sqrt(((cloud[:, None, :] - cloud[None, :, :]) ** 2).sum(axis=2))


def rips(points: Float[np.ndarray, "points dim"], radius: float) -> Complex:
    """Build the Vietoris-Rips complex at a radius, up to triangles.

    Two points are joined when their disks of that radius touch (distance <= 2 radius); three are filled when every two
    of them are joined. Equal points are two vertices, joined from radius 0 on. gudhi and ripser take the edge length,
    2 radius, for the scale.

    >>> rips(np.array([[0.0, 0.0], [2.0, 0.0], [9.0, 0.0]]), 1.0).betti
    (2, 0)
    """
    near = distances(points) <= 2 * radius
    count = len(near)
    edges = tuple((a, b) for a, b in combinations(range(count), 2) if near[a, b])
    triangles = tuple((a, b, c) for a, b in edges for c in range(b + 1, count) if near[a, c] and near[b, c])
    return Complex(vertices=tuple((point,) for point in range(count)), edges=edges, triangles=triangles)


def rank_z2(matrix: UInt8[np.ndarray, "rows columns"]) -> int:
    """Compute the rank of a 0/1 matrix over Z/2, where 1 + 1 = 0, by elimination.

    >>> rank_z2(np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=np.uint8))
    2
    """
    pivots: dict[int, int] = {}  # lowest row of a column: the column, its entries as the bits of an integer
    for column in np.asarray(matrix, dtype=np.uint8).T:
        bits = int.from_bytes(np.packbits(column, bitorder="little").tobytes(), "little")
        while bits and (low := bits.bit_length() - 1) in pivots:
            bits ^= pivots[low]
        if bits:
            pivots[bits.bit_length() - 1] = bits
    return len(pivots)
