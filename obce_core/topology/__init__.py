"""Clouds in, bars and merges out: zero-dimensional persistent homology with numpy alone, radii throughout."""

from __future__ import annotations

from obce_core.topology.barcode import Barcode, barcode, r_f
from obce_core.topology.line import LineMerge, line_deaths, line_merges, line_r_f
from obce_core.topology.tree import Merge, Tree, merges, minimum_spanning_tree

__all__ = [
    "Barcode",
    "LineMerge",
    "Merge",
    "Tree",
    "barcode",
    "line_deaths",
    "line_merges",
    "line_r_f",
    "merges",
    "minimum_spanning_tree",
    "r_f",
]
