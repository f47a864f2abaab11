"""The field of the lessons: points to drag, click and step, with disks, edges and triangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obce_core.figures.widgets import widget_assets


def field_data(
    points: Sequence[tuple[int, int]],
    *,
    size: tuple[int, int],
    most: int,
    radius: int | None = None,
    max_radius: int = 0,
    simplices: Sequence[Sequence[int]] = (),
    edge_length: bool = False,
    large: bool = False,
) -> dict[str, Any]:
    """Make the data of the field; everything is in whole thousandths, as Python and browser both compare them.

    Args:
        size: width and height of the field.
        most: how many points it takes.
        radius: of the disks; edges and triangles follow from it. None: `simplices` are drawn as chosen.
        edge_length: show 2 r beside the slider instead of r.
        large: strokes and points for a projector.
    """
    return {
        "points": [list(point) for point in points],
        "size": list(size),
        "most": most,
        "radius": radius,
        "maxRadius": max_radius,
        "simplices": [list(simplex) for simplex in simplices],
        "edgeLength": edge_length,
        "large": large,
    }


def field_assets() -> tuple[str, str]:
    """Return (css, js) of the component."""
    return widget_assets("field")
