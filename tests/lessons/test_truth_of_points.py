"""Every sentence of lessons 1 to 3, in every state of their figures, against gudhi and whole numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

import gudhi
import numpy as np
import pytest
from claims import Claims, close, hold_all, number

from obce_core.lessons import barcodes, complexes, rips
from obce_core.lessons.drawing import SHAPES, Drawing, make_drawing
from obce_core.lessons.scene import SETS, Scene

# --- lessons 1 and 2: complexes ---------------------------------------------------------------------------------------


class Homology:
    """Counts of a complex by gudhi and by plain ranks over the rationals of small matrices mod 2."""

    def __init__(self, simplices: Iterable[tuple[int, ...]], at: str = "") -> None:
        self.at = at
        self.all = {tuple(sorted(simplex)) for simplex in simplices}
        self.v, self.e, self.f = (sum(len(simplex) == size for simplex in self.all) for size in (1, 2, 3))
        tree = gudhi.SimplexTree()
        for simplex in self.all:
            tree.insert(list(simplex))
        tree.compute_persistence(homology_coeff_field=2, min_persistence=-1, persistence_dim_max=True)
        self.b0, self.b1, self.b2 = [*tree.betti_numbers(), 0, 0, 0][:3]
        self.euler = self.v - self.e + self.f
        self.joins = self.v - self.b0
        self.filled = self.f - self.b2
        assert self.b1 == self.e - self.joins - self.filled  # rank and nullity


COMPLEX: Claims = (
    (r"What is the Euler characteristic: points minus edges plus triangles\?", lambda *_: True),
    (r"How many loops are left that no triangles fill\?", lambda *_: True),
    (r"How many pieces is it\?", lambda *_: True),
    (r"At this radius, how many loops are not filled by triangles\?", lambda *_: True),
    (r"At this radius, how many parts are there\?", lambda *_: True),
    (
        r"The first boundary matrix ∂₁ has a row a point and a column an edge\. What is its rank over Z/2\?",
        lambda *_: True,
    ),
    (r"The triangles were forgotten\.", lambda s, w: number(w) == s.v - s.e and s.f > 0),
    (r"The signs alternate: edges count negative\.", lambda s, w: number(w) == s.v + s.e + s.f and s.e > 0),
    (r"Triangles count positive again\.", lambda s, w: number(w) == s.v - s.e - s.f and s.f > 0),
    (r"That is the negative of it: points count positive\.", lambda s, w: number(w) == -s.euler),
    (
        r"(\d+) − (\d+) \+ (\d+) = (−?\d+)\. The holes give the same: (\d+) pieces? − (\d+) loops?(?: \+ (\d+) closed hollows?)? = (−?\d+)\.",  # noqa: E501
        lambda s, _, v, e, f, x, b0, b1, b2, y: (
            (int(v), int(e), int(f)) == (s.v, s.e, s.f)
            and number(x) == number(y) == s.euler
            and (int(b0), int(b1), int(b2 or 0)) == (s.b0, s.b1, s.b2)
        ),
    ),
    (
        r"That counts the independent closed ways round; triangles fill (\d+) of them\.",
        lambda s, w, filled: int(w) == s.e - s.joins and int(filled) == s.filled,
    ),
    (r"That counts the triangles, which fill loops(?:; a loop is what they leave open)?\.", lambda s, w: int(w) == s.f),
    (r"That counts the (?:pieces|parts)\.", lambda s, w: int(w) == s.b0),
    (r"That counts the loops\.", lambda s, w: int(w) == s.b1),
    (
        r"That counts the points; (?:edges join them|those whose disks touch are one part)\.",
        lambda s, w: int(w) == s.v and s.e > 0,
    ),
    (
        r"Not every edge joins two (?:pieces|parts): one that closes a way round joins nothing new\.",
        lambda s, w: int(w) == s.v - s.e and s.e > s.joins,
    ),
    (
        r"There are (\d+) edges?: (\d+) join the (\d+) points? to (\d+) pieces?, and (\d+) more close ways round\. "
        r"Triangles fill (\d+), so "
        r"b₁ = (\d+)\.",
        lambda s, _, *n: [int(x) for x in n] == [s.e, s.joins, s.v, s.b0, s.e - s.joins, s.filled, s.b1],
    ),
    (
        r"(\d+) points?; the boundary matrix of the edges has rank (\d+), the number of edges that join something "
        r"new: b₀ = (\d+) − (\d+) = "
        r"(\d+)\.",
        lambda s, _, *n: [int(x) for x in n] == [s.v, s.joins, s.v, s.joins, s.b0],
    ),
    (
        r"At r = ([\d.]+) there are (\d+) edges?: (\d+) join the points to (\d+) parts?, and (\d+) more close ways "
        r"round\. ∂₂ of ([\d,]+) "
        r"triangles? has rank (\d+), so it fills (\d+): b₁ = (\d+) − (\d+) − (\d+) = (\d+)\.",
        lambda s, _, at, *n: (
            at == s.at
            and [int(x.replace(",", "")) for x in n]
            == [s.e, s.joins, s.b0, s.e - s.joins, s.f, s.filled, s.filled, s.e, s.joins, s.filled, s.b1]
        ),
    ),
    (
        r"At r = ([\d.]+) (\d+) points? and (\d+) edges? are there\. ∂₁ has rank (\d+), the number of edges that join "
        r"something new: "
        r"b₀ = (\d+) − (\d+) = (\d+)\.",
        lambda s, _, at, *n: at == s.at and [int(x) for x in n] == [s.v, s.e, s.joins, s.v, s.joins, s.b0],
    ),
    (
        r"Its rank is points minus parts: (\d+) − (\d+) = (\d+), the number of edges that join something new; (\d+) "
        r"more close ways round\.",
        lambda s, _, *n: [int(x) for x in n] == [s.v, s.b0, s.joins, s.e - s.joins],
    ),
    (
        r"That counts the columns; the edges of a way round add up to zero over Z/2, so not all of them are "
        r"independent\.",
        lambda s, w: int(w) == s.e and s.e > s.joins,
    ),
    (
        r"That counts the rows; the rows of one part add up to zero over Z/2\.",
        lambda s, w: int(w) == s.v and s.joins < s.v,
    ),
    (
        r"That is b₀, what is left of the points once the rank is taken off\.",
        lambda s, w: int(w) == s.b0 == s.v - s.joins,
    ),
)


def letters_of(simplex: Iterable[int]) -> str:
    return "".join("ABCDEFGHIJKL"[point] for point in simplex)


def drawn(drawing: Drawing) -> set[str]:
    return {letters_of(simplex) for simplex in drawing.simplices} | {
        letters_of([at]) for at in range(len(drawing.points))
    }


def absent(drawing: Drawing) -> list[str]:
    sides = {
        letters_of(edge) for simplex in drawing.simplices if len(simplex) == 3 for edge in combinations(simplex, 2)
    }
    return sorted(sides - drawn(drawing))


def not_three_each(drawing: Drawing, wrong: str, there: str | None, shared: str | None) -> bool:
    sides = [
        letters_of(edge) for simplex in drawing.simplices if len(simplex) == 3 for edge in combinations(simplex, 2)
    ]
    return (
        int(wrong) == len(sides)
        and bool(there) == bool(set(sides) & drawn(drawing))
        and bool(shared) == (len(set(sides)) < len(sides))
        and bool(there or shared)
    )


def triangles(drawing: Drawing) -> int:
    return sum(len(simplex) == 3 for simplex in drawing.simplices)


DRAWING: Claims = (
    (r"Which of these is missing before this is a complex\?", lambda *_: True),
    (r"How many faces are missing in all\?", lambda *_: True),
    (
        r"Triangle ([A-L]{3}) is there, so its face ([A-L]{2}) must be there too; it is not\.",
        lambda d, _, whole, face: whole in drawn(d) and set(face) < set(whole) and face not in drawn(d),
    ),
    (r"([A-L]+) is there already\.", lambda d, w, name: name == w and name in drawn(d)),
    (
        r"That counts the triangles; a triangle may lack several faces, and two may lack the same\.",
        lambda d, w: int(w) == triangles(d),
    ),
    (
        r"A triangle has three edges, but(?: (some of them are there))?(?: and)?(?: (triangles share some of them))?\.",
        not_three_each,
    ),
    (r"A complex holds the edges of each of its triangles\.", lambda d, w: int(w) == 0 and bool(absent(d))),
    (
        r"(?:This is|These are) missing: ([A-L, ]+)( …)?\. Once they are added, every face of every simplex is there\.",
        lambda d, _, listed, more: listed.split(", ") == absent(d)[:6] and bool(more) == (len(absent(d)) > 6),
    ),
)


def hold_drawing(drawing: Drawing) -> None:
    questions = complexes.questions(drawing)
    if not drawing.points:
        assert not questions
    elif missing := absent(drawing):
        hold_all(questions, [missing[0], len(missing)], DRAWING, drawing)
        assert not set(questions[0].choices) & set(missing[1:])
    else:
        state = Homology([*((at,) for at in range(len(drawing.points))), *drawing.simplices])
        hold_all(questions, [f"{state.euler}".replace("-", "−"), state.b1, state.b0], COMPLEX, state)


def test_lesson_1_for_every_drawing_of_four_points() -> None:
    simplices = [*combinations(range(4), 2), *combinations(range(4), 3)]
    points = [(1000 * at, 1000) for at in range(4)]
    for mask in range(2 ** len(simplices)):
        hold_drawing(make_drawing(points, [simplex for bit, simplex in enumerate(simplices) if mask >> bit & 1]))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_lesson_1_for_its_shapes(shape: Drawing) -> None:
    hold_drawing(shape)


def test_lesson_1_for_drawings_of_up_to_seven_points() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        size = int(rng.integers(0, 8))
        every = [*combinations(range(size), 2), *combinations(range(size), 3)]
        hold_drawing(
            make_drawing([(900 * at, 700) for at in range(size)], [simplex for simplex in every if rng.random() < 0.4])
        )


def scenes() -> Iterator[Scene]:
    """Every place of the slider for the ring, every tenth for the other sets, and odd ones."""
    for name, points in SETS.items():
        for radius in range(0, 4001, 10 if name == "ring" else 100):
            yield Scene(points=points, radius=radius)
    rng = np.random.default_rng(1)
    for _ in range(150):
        count = int(rng.integers(0, 10))
        points = tuple(
            (int(x) * 500, int(y) * 500)
            for x, y in zip(rng.integers(0, 21, count), rng.integers(0, 17, count), strict=True)
        )
        yield Scene(points=points, radius=int(rng.integers(0, 9)) * 500)
        yield Scene(points=points, radius=int(rng.integers(0, 4001)))
    yield Scene(points=((100, 100),) * 4, radius=0)
    yield Scene(
        points=((0, 1000), (9700, 700), (9900, 7900), (150, 7950)), radius=1000
    )  # its loop lives between long edges


SCENES = list(scenes())


def written(radius: int) -> str:
    return f"{radius / 1000:.3f}".removesuffix("0") if radius % 10 == 0 else f"{radius / 1000:.3f}"


def test_lesson_2_for_every_radius() -> None:
    for scene in SCENES:
        questions = rips.questions(scene)
        if not scene.points:
            assert not questions
            continue
        gap = [[(a - c) ** 2 + (b - d) ** 2 for c, d in scene.points] for a, b in scene.points]  # whole numbers: exact
        near = [[square <= (2 * scene.radius) ** 2 for square in row] for row in gap]
        of = range(len(scene.points))
        simplices = [
            s for size in (1, 2, 3) for s in combinations(of, size) if all(near[a][b] for a, b in combinations(s, 2))
        ]
        state = Homology(simplices, written(scene.radius))
        hold_all(questions, [f"{state.b1:,}", state.b0, state.joins], COMPLEX, state)


# --- lesson 3: bars ---------------------------------------------------------------------------------------------------


class Persistence:
    """Births and deaths by gudhi, as the numbers of the figure: radii, or edge lengths."""

    def __init__(self, scene: Scene, scale: int) -> None:
        self.scale, self.scene = scale, scene
        cloud = np.array(scene.points, dtype=float) / 1000
        tree = gudhi.RipsComplex(points=cloud).create_simplex_tree(max_dimension=2)
        tree.compute_persistence(homology_coeff_field=2, min_persistence=-1)
        self.deaths = (
            np.sort([death for _, death in tree.persistence_intervals_in_dimension(0) if np.isfinite(death)])
            * scale
            / 2
        )
        loops = [(b * scale / 2, d * scale / 2) for b, d in tree.persistence_intervals_in_dimension(1) if d > b]
        self.n, self.last = len(cloud), float(self.deaths[-1])
        self.loop = max(loops, key=lambda bar: bar[1] - bar[0], default=None)
        exact = sorted(self._squares())
        self.alive = 1 + sum(square > (2 * scene.radius) ** 2 for square in exact)
        self.ended = self.n - self.alive

    def _squares(self) -> list[int]:
        """Return the squared edges of the minimum spanning tree, in whole thousandths (Prim)."""
        points, inside, found = list(self.scene.points), [self.scene.points[0]], []
        outside = points[1:]
        while outside:
            square, best = min(
                ((a - c) ** 2 + (b - d) ** 2, at) for at, (a, b) in enumerate(outside) for c, d in inside
            )
            found.append(square)
            inside.append(outside.pop(best))
        return found

    @property
    def unit(self) -> str:
        return "edge length" if self.scale == 2 else "radius"


def other_unit(s: Persistence, wrong: float, name: str, times: str) -> bool:
    factor = {"twice": 2, "half": 0.5}[times]
    return (
        name != s.unit
        and wrong == pytest.approx(factor * s.last, abs=1e-9)
        and (name == "edge length") == (factor == 2)
    )


BARS: Claims = (
    (r"At this (radius|edge length), how many bars of the parts are alive\?", lambda s, _, unit: unit == s.unit),
    (r"Move r: at which (radius|edge length) does everything become one part\?", lambda s, _, unit: unit == s.unit),
    (
        r"gudhi reports that the last part dies at (\S+)\. Which radius is that\?",
        lambda s, _, x: s.scale == 1 and close(x, 2 * s.last),
    ),
    (
        r"Everything is one part at radius (\S+)\. Which edge length does gudhi report\?",
        lambda s, _, x: s.scale == 2 and close(x, s.last / 2),
    ),
    (
        r"The most lasting loop is born at (\S+) and dies at (\S+)\. How long does it live\?",
        lambda s, _, b, d: s.loop is not None and close(b, s.loop[0]) and close(d, s.loop[1]),
    ),
    (r"That leaves out the bar that never ends\.", lambda s, w: int(w) == s.alive - 1),
    (r"That counts the bars that have ended\.", lambda s, w: int(w) == s.ended),
    (
        r"That counts all bars; (\d+) of them have ended\.",
        lambda s, w, ended: int(w) == s.n and int(ended) == s.ended > 0,
    ),
    (
        r"(\d+) points give (\d+) bars, one of which never ends\. At (r =|edge length) ([\d.]+) (\d+) have ended, so (\d+) − (\d+) = (\d+) are "  # noqa: E501
        r"alive: as many as there are parts, the infinite one included\.",
        lambda s, _, a, b, name, at, c, d, e, f: (
            (name == "edge length") == (s.scale == 2)
            and at == written(s.scale * s.scene.radius)
            and [int(x) for x in (a, b, c, d, e, f)] == [s.n, s.n, s.ended, s.n, s.ended, s.alive]
        ),
    ),
    (
        r"The last finite bar ends at (radius|edge length) (\S+): the two points that touch then lie (\S+) apart, and each disk covers half of "  # noqa: E501
        r"that, (\S+)\.",
        lambda s, _, unit, at, apart, half: (
            unit == s.unit
            and close(at, s.last)
            and close(apart, 2 * s.last / s.scale)
            and close(half, s.last / s.scale)
        ),
    ),
    (r"That is the (radius|edge length), (twice|half) of what is asked\.", other_unit),
    (
        r"At that scale some parts touch, but not all\.",
        lambda s, w: (s.deaths <= w + 1e-9).any() and w <= s.last + 1e-9,
    ),
    (
        r"gudhi and ripser measure the edge between two points, we the disk around each\. Two disks of radius (\S+) "
        r"touch across an edge of "
        r"(\S+)\.",
        lambda s, _, r, edge: close(r, s.last / s.scale) and close(edge, 2 * s.last / s.scale),
    ),
    (
        r"The two conventions differ by a factor of two\.",
        lambda s, w: w == pytest.approx((2 if s.scale == 1 else 0.5) * s.last, abs=1e-9),
    ),
    (
        r"The factor goes the other way: an edge is longer than a radius\.",
        lambda s, w: w == pytest.approx(4 * s.last if s.scale == 1 else s.last / 4, abs=1e-9),
    ),
    (
        r"It lives from the (radius|edge length) at which it closes to the one at which triangles fill it: (\S+) − "
        r"(\S+) = (\S+)\.",
        lambda s, _, unit, d, b, life: (
            unit == s.unit and close(b, s.loop[0]) and close(d, s.loop[1]) and close(life, s.loop[1] - s.loop[0])
        ),
    ),
    (
        r"That is when it dies; it was not born at 0\. Parts are, loops are not\.",
        lambda s, w: w == pytest.approx(s.loop[1]) and s.loop[0] > 0,
    ),
    (r"That is when it is born\.", lambda s, w: w == pytest.approx(s.loop[0])),
    (
        r"That mixes radius and edge length\.",
        lambda s, w: w == pytest.approx((2 if s.scale == 1 else 0.5) * (s.loop[1] - s.loop[0])),
    ),
)


@pytest.mark.parametrize("edge_length", [False, True])
def test_lesson_3_for_every_radius(edge_length: bool) -> None:
    scale = 2 if edge_length else 1
    for scene in SCENES[::2] if edge_length else SCENES[1::2]:
        questions = barcodes.questions(scene, edge_length=edge_length)
        if len(scene.points) < 2:
            assert not questions
            continue
        state = Persistence(scene, scale)
        loop = [] if state.loop is None else [state.loop[1] - state.loop[0]]
        hold_all(questions, [state.alive, state.last, state.last, *loop], BARS, state)
        for question in questions[3:]:  # what is read off the text is judged right
            born, died = re.findall(r"at (\d\S*\d)", question.text)
            assert abs(number(died) - number(born) - float(question.answer)) <= question.tolerance
