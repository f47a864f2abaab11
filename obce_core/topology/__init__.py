"""Persistent homology with numpy only: barcodes and merges of clouds, in radii throughout.

Dimension zero serves analyses of any size (`barcode`, `line`, `tree`); `complexes` and `reduction` serve lessons on few
points.
"""

from __future__ import annotations

from obce_core.topology.barcode import Barcode, barcode, r_f
from obce_core.topology.complexes import Complex, Simplex, complex_of, missing_faces, rank_z2, rips
from obce_core.topology.distance import bottleneck
from obce_core.topology.line import LineMerge, line_deaths, line_merges, line_r_f
from obce_core.topology.project import Principal, principal
from obce_core.topology.reduction import Bars, bars
from obce_core.topology.resample import Interval, bootstrap_r_f, most_isolated, r_f_without
from obce_core.topology.thin import ThinLine, thin_line
from obce_core.topology.tree import Merge, Tree, merges, minimum_spanning_tree

__all__ = [
    "Barcode",
    "Bars",
    "Complex",
    "Interval",
    "LineMerge",
    "Merge",
    "Principal",
    "Simplex",
    "ThinLine",
    "Tree",
    "barcode",
    "bars",
    "bootstrap_r_f",
    "bottleneck",
    "complex_of",
    "line_deaths",
    "line_merges",
    "line_r_f",
    "merges",
    "minimum_spanning_tree",
    "missing_faces",
    "most_isolated",
    "principal",
    "r_f",
    "r_f_without",
    "rank_z2",
    "rips",
    "thin_line",
]
