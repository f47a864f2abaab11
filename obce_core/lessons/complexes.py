"""Lesson 1: the faces that are missing in a drawing, and the numbers of a complex."""

from __future__ import annotations

from itertools import combinations

from obce_core.lessons.drawing import Drawing
from obce_core.lessons.question import Question, Slip, counted, plural
from obce_core.lessons.scene import named
from obce_core.topology import Complex, Simplex


def questions(drawing: Drawing) -> tuple[Question, ...]:
    """Ask for the missing faces, or, of a complex, for its Euler characteristic, its loops and its pieces."""
    if not drawing.points:
        return ()
    if drawing.missing:
        return (_which(drawing), _how_many(drawing))
    assert drawing.complex is not None
    return (_euler(drawing.complex), _loops(drawing.complex), _pieces(drawing.complex))


def _listed(simplices: tuple[Simplex, ...]) -> str:
    visible = [named(simplex) for simplex in simplices[:6]]
    return ", ".join(visible) + (" …" if len(simplices) > 6 else "")


def _cause(drawing: Drawing, face: Simplex) -> str:
    whole = next(simplex for simplex in drawing.simplices if set(face) < set(simplex))
    return named(whole)


def _which(drawing: Drawing) -> Question:
    face = drawing.missing[0]
    others = [*drawing.of(2), *drawing.of(3), *drawing.of(1)][:3]
    why = f"Triangle {_cause(drawing, face)} is there, so its face {named(face)} must be there too; it is not."
    return Question(
        text="Which of these is missing before this is a complex?",
        choices=tuple(sorted(named(simplex) for simplex in (face, *others))),
        answer=named(face),
        why=why,
        slips=tuple(Slip(answer=named(other), why=f"{named(other)} is there already.") for other in others),
        asks=("missing",),
    )


def _how_many(drawing: Drawing) -> Question:
    missing, triangles = len(drawing.missing), len(drawing.of(3))
    choices, slips = counted(
        missing,
        [
            (triangles, "That counts the triangles; a triangle may lack several faces, and two may lack the same."),
            (3 * triangles, _not_three_each(drawing)),
            (0, "A complex holds the edges of each of its triangles."),
        ],
    )
    faces = "This is missing" if missing == 1 else "These are missing"
    return Question(
        text="How many faces are missing in all?",
        choices=choices,
        slips=slips,
        answer=f"{missing:,}",
        why=f"{faces}: {_listed(drawing.missing)}. Once they are added, every face of every simplex is there.",
        asks=("missing",),
    )


def _not_three_each(drawing: Drawing) -> str:
    """Say why three times the triangles is not what is missing: edges that are there, or that two triangles share."""
    sides = [edge for triangle in drawing.of(3) for edge in combinations(triangle, 2)]
    reasons = []
    if set(sides) & set(drawing.of(2)):
        reasons.append("some of them are there")
    if len(set(sides)) < len(sides):
        reasons.append("triangles share some of them")
    return f"A triangle has three edges, but {' and '.join(reasons)}."


def _euler(found: Complex) -> Question:
    v, e, f = len(found.vertices), len(found.edges), len(found.triangles)
    b0, b1 = found.betti
    wrong = {
        v - e: "The triangles were forgotten." if f else "",
        v + e + f: "The signs alternate: edges count negative.",
        v - e - f: "Triangles count positive again.",
        e - v - f: "That is the negative of it: points count positive.",
    }
    wrong = {value: why for value, why in wrong.items() if value != found.euler}
    values = sorted({found.euler, *list(wrong)[:3]})
    for extra in (1, -1, 2):
        if len(values) < 4 and found.euler + extra not in values:
            values = sorted([*values, found.euler + extra])
    hollows = f" + {plural(found.cavities, 'closed hollow')}" if found.cavities else ""
    return Question(
        text="What is the Euler characteristic: points minus edges plus triangles?",
        choices=tuple(_signed(value) for value in values),
        answer=_signed(found.euler),
        why=f"{v} − {e} + {f} = {_signed(found.euler)}. The holes give the same: {plural(b0, 'piece')} − "
        f"{plural(b1, 'loop')}"
        f"{hollows} = {_signed(found.euler)}.",
        slips=tuple(Slip(answer=_signed(value), why=why) for value, why in wrong.items() if why and value in values),
        asks=("euler",),
    )


def _loops(found: Complex) -> Question:
    b0, b1 = found.betti
    filled = found.rank(2)
    choices, slips = counted(
        b1,
        [
            (b1 + filled, f"That counts the independent closed ways round; triangles fill {filled} of them."),
            (len(found.triangles), "That counts the triangles, which fill loops; a loop is what they leave open."),
            (b0, "That counts the pieces."),
        ],
    )
    v, e = len(found.vertices), len(found.edges)
    return Question(
        text="How many loops are left that no triangles fill?",
        choices=choices,
        slips=slips,
        answer=f"{b1:,}",
        why=f"There are {plural(e, 'edge')}: {v - b0} join the {plural(v, 'point')} to {plural(b0, 'piece')}, and "
        f"{e - v + b0} more close "
        f"ways round. Triangles fill {filled}, so b₁ = {b1}.",
        asks=("b1", "euler"),
    )


def _pieces(found: Complex) -> Question:
    b0, b1 = found.betti
    v, e = len(found.vertices), len(found.edges)
    choices, slips = counted(
        b0,
        [
            (v, "That counts the points; edges join them."),
            (v - e, "Not every edge joins two pieces: one that closes a way round joins nothing new."),
            (b1, "That counts the loops."),
        ],
    )
    return Question(
        text="How many pieces is it?",
        choices=choices,
        slips=slips,
        answer=f"{b0:,}",
        why=f"{plural(v, 'point')}; the boundary matrix of the edges has rank {v - b0}, the number of edges that join "
        "something new: "
        f"b₀ = {v} − {v - b0} = {b0}.",
        asks=("b0", "euler"),
    )


def _signed(value: int) -> str:
    return f"{value:,}".replace("-", "−")
