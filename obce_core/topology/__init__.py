"""Clouds in, bars and merges out: zero-dimensional persistent homology with numpy alone, radii throughout."""

from __future__ import annotations

from obce_core.topology.barcode import Barcode, barcode, r_f
from obce_core.topology.distance import bottleneck
from obce_core.topology.line import LineMerge, line_deaths, line_merges, line_r_f
from obce_core.topology.project import Principal, principal
from obce_core.topology.resample import Interval, bootstrap_r_f, most_isolated, r_f_without
from obce_core.topology.thin import ThinLine, thin_line
from obce_core.topology.tree import Merge, Tree, merges, minimum_spanning_tree

__all__ = [
    "Barcode",
    "Interval",
    "LineMerge",
    "Merge",
    "Principal",
    "ThinLine",
    "Tree",
    "barcode",
    "bootstrap_r_f",
    "bottleneck",
    "line_deaths",
    "line_merges",
    "line_r_f",
    "merges",
    "minimum_spanning_tree",
    "most_isolated",
    "principal",
    "r_f",
    "r_f_without",
    "thin_line",
]
