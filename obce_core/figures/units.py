"""Radius or edge length: the one switch, applied to a criterion's numbers and to its name."""

from __future__ import annotations

from obce_core.criteria import criterion

_POWER = {"radius": 1, "radius squared": 2}


def factor(name: str, *, edge_length: bool) -> float:
    """Return what a criterion's numbers are multiplied by: an edge is two radii long.

    >>> factor("r_f", edge_length=True), factor("std", edge_length=True)
    (2.0, 1.0)
    """
    return 2.0 ** _POWER.get(criterion(name).unit, 0) if edge_length else 1.0


def title(name: str, *, edge_length: bool) -> str:
    """Return a criterion's title, with the convention where there is one to tell."""
    told = criterion(name).title
    return f"{told} as edge length" if edge_length and criterion(name).unit in _POWER else told
