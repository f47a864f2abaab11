"""Points in a field, as a link can carry them: at most 40, with three decimals.

Coordinates are kept as whole thousandths, so that distances are compared exactly and browser and server always agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from obce_core.topology import Bars, Complex, bars, rips

FIELD = (10_000, 8_000)
"""Width and height of the field, in thousandths."""

MAX_POINTS = 40
MAX_RADIUS = 4_000
_LONGEST = 700
UNIT = 1_000

Point = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Points and a radius, in thousandths; what follows from them is computed once."""

    points: tuple[Point, ...]
    radius: int

    @property
    def r(self) -> float:
        """The radius as people read it."""
        return self.radius / UNIT

    @cached_property
    def complex(self) -> Complex:
        """The Vietoris-Rips complex at this radius."""
        return rips(self._cloud, self.radius)

    @cached_property
    def betti(self) -> tuple[int, int]:
        return self.complex.betti

    @cached_property
    def bars(self) -> Bars:
        """The bars of the points, as radii in the field's own unit."""
        barcode = bars(self._cloud)
        return Bars(points=barcode.points, h0=barcode.h0 / UNIT, h1=barcode.h1 / UNIT)

    @property
    def _cloud(self) -> np.ndarray:
        return np.array(self.points, dtype=np.float64).reshape(-1, 2)


def letters(count: int) -> tuple[str, ...]:
    """Name points: A to Z, then a to n."""
    return tuple(chr(65 + at) if at < 26 else chr(71 + at) for at in range(count))


def named(simplex: Sequence[int]) -> str:
    """Write a simplex by its points' letters: (0, 2) is "AC"."""
    return "".join(letters(MAX_POINTS)[point] for point in simplex)


def to_points(pairs: Iterable[Sequence[object]]) -> tuple[Point, ...]:
    """Convert points from the browser (thousandths); drop invalid ones, and move others into the field."""
    results: list[Point] = []
    for pair in pairs:
        numbers = [v for v in pair if isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e9]
        if len(numbers) == len(pair) == 2:
            x, y = (min(max(round(v), 0), edge) for v, edge in zip(numbers, FIELD, strict=True))
            results.append((x, y))
    return tuple(results[:MAX_POINTS])


def to_units(point: Point) -> tuple[float, float]:
    """Write a point as people read it."""
    return point[0] / UNIT, point[1] / UNIT


def from_units(pairs: Iterable[Sequence[object]]) -> tuple[Point, ...]:
    """Take points that a person typed; a row that is not filled yet is left out."""
    full = [
        [value * UNIT for value in pair if isinstance(value, (int, float)) and math.isfinite(value)] for pair in pairs
    ]
    return to_points(full)


def write_points(points: Sequence[Point]) -> str:
    """Write points for a link: a set's name, `none`, or coordinates such as `1.25_0.5~9_3`."""
    for name, known in SETS.items():
        if tuple(points) == known:
            return name
    return "~".join(f"{_short(x)}_{_short(y)}" for x, y in points) or "none"


def read_points(text: str) -> tuple[Point, ...] | None:
    """Read what `write_points` wrote; None for anything else."""
    if text == "none":
        return ()
    if text in SETS:
        return SETS[text]
    return _coordinates(text) if len(text) <= _LONGEST else None


def _coordinates(text: str) -> tuple[Point, ...] | None:
    results = []
    for part in text.split("~"):
        if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?_[0-9](\.[0-9]{1,3})?", part, re.ASCII):
            return None
        x, y = (round(float(value) * UNIT) for value in part.split("_"))
        if x > FIELD[0] or y > FIELD[1]:
            return None
        results.append((x, y))
    return tuple(results) if len(results) <= MAX_POINTS else None


def write_radius(radius: int) -> str:
    """Write a radius for a link: 1200 is "1.2"."""
    return _short(radius)


def written_radius(radius: int) -> str:
    """Write a radius for people: two decimals, or all three of a link's.

    >>> written_radius(1200), written_radius(1234)
    ('1.20', '1.234')
    """
    return f"{radius / UNIT:.3f}" if radius % 10 else f"{radius / UNIT:.2f}"


def read_radius(text: str, default: int) -> int:
    """Read a radius of a link; anything odd is the default."""
    if not re.fullmatch(r"[0-9](\.[0-9]{1,3})?", text, re.ASCII):
        return default
    value = round(float(text) * UNIT)
    return value if value <= MAX_RADIUS else default


def read_scene(points: str, radius: str) -> Scene:
    """Read a scene of a link; without one, the ring at radius 1.2."""
    found = read_points(points)
    return Scene(points=SETS["ring"] if found is None else found, radius=read_radius(radius, 1_200))


def _short(value: int) -> str:
    return f"{value / UNIT:.3f}".rstrip("0").rstrip(".")


_WRITTEN = {
    "ring": "8_3.82~7.65_5.47~5.99_6.52~4.8_7.3~4.03_6.46~2.29_5.56~"
    "2.11_4.16~2.59_2.56~3.24_1.77~5.06_1.16~6.56_1.43~7.72_2.91",
    "blobs": "4.01_3.44~2.9_4.19~3.48_3.21~2.64_5.07~1.79_5.69~3.03_5.71~3.62_4.12~2.3_4.74~"
    "7.86_3.78~6.77_2.61~6.7_2.63~7.12_2.99~8.84_2.69~7.08_3.47~6.59_2.81~7.31_3.72",
    "line": "0.8_4~1.5_4~2_4~2.9_4~3.2_4~4.7_4~5.2_4~6_4~8.1_4~9_4",
    "noise": "8.97_1.26~4.41_5.28~5_4.17~8.83_5.31~8.39_1.36~4.12_4.93~3.38_3.17~7.58_4~1.7_2.95~"
    "4.09_4.86~8.16_4.44~8.51_4.75~2.76_1.21~1.46_2.24~7.42_1.26~6.02_3.25~2.8_3.88~5.05_1.52",
}
SETS = {name: _coordinates(text) or () for name, text in _WRITTEN.items()}
"""Point sets by the name that stands for them in a link."""
