"""What lesson 1 builds: points, and the edges and triangles that the user chose; it is not always a complex."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from obce_core.lessons.scene import Point, letters, named, read_points, write_points
from obce_core.topology import Complex, Simplex, complex_of, missing_faces

MAX_VERTICES = 12


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Points in thousandths, all of them simplices; and the chosen edges and triangles, rising."""

    points: tuple[Point, ...]
    simplices: tuple[Simplex, ...]

    @cached_property
    def all(self) -> tuple[Simplex, ...]:
        """Every simplex, the points included."""
        return (*((point,) for point in range(len(self.points))), *self.simplices)

    @cached_property
    def missing(self) -> tuple[Simplex, ...]:
        """The faces that are missing before this is a complex."""
        return missing_faces(self.all)

    @cached_property
    def complex(self) -> Complex | None:
        """The complex, or None while a face is missing."""
        return None if self.missing else complex_of(self.all)

    def of(self, size: int) -> tuple[Simplex, ...]:
        """Return the simplices with this many vertices."""
        return tuple(simplex for simplex in self.all if len(simplex) == size)


def make_drawing(points: Sequence[Point], simplices: Iterable[Sequence[int]]) -> Drawing:
    """Make a drawing; simplices that do not fit its points are left out."""
    kept = tuple(points[:MAX_VERTICES])
    results = {tuple(sorted(simplex)) for simplex in simplices}
    there = set(range(len(kept)))
    fit = (
        simplex
        for simplex in results
        if len(simplex) in (2, 3) and len(set(simplex)) == len(simplex) and set(simplex) <= there
    )
    return Drawing(points=kept, simplices=tuple(sorted(fit, key=lambda simplex: (len(simplex), simplex))))


def from_names(points: Sequence[Point], names: Iterable[object]) -> Drawing:
    """Make a drawing of simplices named by letters, such as "AB"; odd names are left out."""
    places = {letter: at for at, letter in enumerate(letters(MAX_VERTICES))}
    simplices = [
        [places[letter] for letter in name] for name in names if isinstance(name, str) and set(name) <= set(places)
    ]
    return make_drawing(points, simplices)


SHAPES: dict[str, Drawing] = {
    "house": from_names(
        [(3200, 1400), (6800, 1400), (6800, 4600), (3200, 4600), (5000, 6800)],
        ["AB", "BC", "CD", "AD", "CE", "DE", "CDE"],
    ),
    "broken": from_names([(2600, 1800), (7400, 1800), (7000, 5800), (3000, 5800)], ["AB", "BC", "CD", "ABC", "ACD"]),
    "pieces": from_names(
        [(1600, 2200), (4200, 2200), (2900, 4600), (6400, 2000), (8800, 2900), (8200, 5600), (5900, 5200)],
        ["AB", "BC", "AC", "ABC", "DE", "EF", "FG", "DG"],
    ),
    "shell": from_names(
        [(2200, 1800), (7800, 1800), (5000, 6900), (5000, 3500)],
        ["AB", "AC", "AD", "BC", "BD", "CD", "ABC", "ABD", "ACD", "BCD"],
    ),
}
"""Drawings by the name that stands for them in a link."""


def write_drawing(drawing: Drawing) -> str:
    """Write a drawing for a link: a shape's name, or points and simplices such as `2_3~5_6-AB`."""
    for name, known in SHAPES.items():
        if drawing == known:
            return name
    return "-".join([write_points(drawing.points), *map(named, drawing.simplices)])


def read_drawing(text: str) -> Drawing | None:
    """Read what `write_drawing` wrote; None for anything else."""
    if text in SHAPES:
        return SHAPES[text]
    first, *names = text.split("-")
    points = read_points(first) if re.fullmatch(r"none|[0-9._~]{3,200}", first, re.ASCII) else None
    if points is None or len(points) > MAX_VERTICES or len(names) > 300:
        return None
    drawing = from_names(points, names)
    return drawing if len(drawing.simplices) == len(names) else None
