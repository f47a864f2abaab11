"""The switch between radius and edge length, applied to numbers, their names, and file names.

Pages and pictures follow the switch and say which of the two they show. Data files do not: they hold radii whatever is
displayed, and their headers and names say so.
"""

from __future__ import annotations

from obce_core.criteria import criterion

_POWER = {"radius": 1, "radius squared": 2}


def factor(name: str, *, edge_length: bool) -> float:
    """Return what a criterion's numbers are multiplied by: an edge is two radii long.

    >>> factor("r_f", edge_length=True), factor("std", edge_length=True)
    (2.0, 1.0)
    """
    return 2.0 ** _POWER.get(criterion(name).unit, 0) if edge_length else 1.0


def unit(name: str, *, edge_length: bool = False) -> str:
    """Return the unit of a criterion that is a length of the filtration; empty for others, which have no convention.

    >>> unit("r_f"), unit("total_persistence", edge_length=True), unit("std")
    ('radius', 'edge length squared', '')
    """
    own = criterion(name).unit
    return "" if own not in _POWER else own.replace("radius", "edge length") if edge_length else own


def title(name: str, *, edge_length: bool = False) -> str:
    """Return a criterion's title with its unit, where there are two to be told apart.

    >>> title("r_f"), title("r_f", edge_length=True), title("std")
    ('r_f (radius)', 'r_f (edge length)', 'std')
    """
    label = criterion(name).title
    return f"{label} ({unit(name, edge_length=edge_length)})" if unit(name) else label


def header(name: str) -> str:
    """Return the header of a criterion's column in a data file: its name, with the unit if it has two.

    >>> header("total_persistence"), header("std_all")
    ('total_persistence (radius squared)', 'std_all')
    """
    return f"{name} ({unit(name)})" if unit(name) else name


def file_units(name: str = "r_f", *, edge_length: bool) -> tuple[str, str]:
    """Return the ends of two file names: of a picture, which follows the switch, and of its data, which do not.

    >>> file_units("r_f", edge_length=True), file_units("std", edge_length=True)
    (('edge-length', 'radius'), ('', ''))
    """
    picture, data = (unit(name, edge_length=edge).replace(" ", "-") for edge in (edge_length, False))
    return picture, data
