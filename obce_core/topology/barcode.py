"""The barcode of a cloud: the death of each of its components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from obce_core.errors import BadInput, NotFinite
from obce_core.topology.line import line_deaths
from obce_core.topology.tree import minimum_spanning_tree


@dataclass(frozen=True, kw_only=True, eq=False)
class Barcode:
    """Zero-dimensional persistence of a cloud's Vietoris-Rips filtration, as radii.

    N points are born at 0; N-1 bars end at `deaths` (ascending, shape (N-1,)), one never does.
    """

    deaths: Float[np.ndarray, " merges"]

    @property
    def points(self) -> int:
        """N, the number of points and of bars, the infinite one included."""
        return len(self.deaths) + 1

    @property
    def r_f(self) -> float:
        """The radius at which all disks are one piece; 0 for a single point (it has no finite bar)."""
        return float(self.deaths[-1]) if len(self.deaths) else 0.0

    def diagram(self, *, edge_length: bool = False) -> Float[np.ndarray, "points 2"]:
        """Return (birth, death) of all N bars, the infinite one last; radii, or edge lengths (twice the radius)."""
        scale = 2.0 if edge_length else 1.0
        deaths = np.append(self.deaths * scale, np.inf)
        return np.column_stack([np.zeros_like(deaths), deaths])

    def parts(self, radius: float) -> int:
        """Count the pieces at a radius (disks that touch are one piece): the zeroth Betti number."""
        return self.points - int(np.searchsorted(self.deaths, radius, side="right"))


def barcode(cloud: np.ndarray) -> Barcode:
    """Compute the barcode of a cloud: shape (N,) or (N, 1) on a line by sorting, (N, d) by single linkage.

    Raises:
        BadInput: there are no points, or the array has more than two axes.
        NotFinite: a coordinate is NaN or inf.

    >>> barcode(np.array([0.0, 1.0, 4.0])).deaths
    array([0.5, 1.5])
    """
    points = np.asarray(cloud, dtype=np.float64)
    if points.ndim == 2 and points.shape[1] == 1:
        points = points.ravel()
    if points.ndim not in (1, 2) or points.size == 0:
        raise BadInput(f"A cloud has shape (N,) or (N, d) with N >= 1; found {points.shape}.")
    if not np.isfinite(points).all():
        raise NotFinite(f"{int((~np.isfinite(points)).sum())} coordinates of the cloud are NaN or inf.")
    if points.ndim == 1:
        return Barcode(deaths=line_deaths(points[:, None])[0])
    return Barcode(deaths=minimum_spanning_tree(points).lengths / 2)


def r_f(cloud: np.ndarray) -> float:
    """Compute r_f of one cloud, as a radius: half the longest edge of its minimum spanning tree.

    >>> r_f(np.array([[0.0, 0.0], [3.0, 4.0]]))
    2.5
    """
    return barcode(cloud).r_f
