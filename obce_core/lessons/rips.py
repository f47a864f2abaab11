"""Lesson 2: the Vietoris-Rips complex at the present radius, its Betti numbers and its boundary matrices."""

from __future__ import annotations

from obce_core.lessons.question import Question, counted, plural
from obce_core.lessons.scene import Scene, written_radius


def questions(scene: Scene) -> tuple[Question, ...]:
    """Ask for the loops, the parts and the rank of the edges' boundary matrix at this radius."""
    if not scene.points:
        return ()
    complex_ = scene.complex
    v, e, f = len(complex_.vertices), len(complex_.edges), len(complex_.triangles)
    b0, b1 = scene.betti
    rank, filled = v - b0, complex_.rank(2)
    loops, loop_slips = counted(
        b1,
        [
            (b1 + filled, f"That counts the independent closed ways round; triangles fill {filled} of them."),
            (f, "That counts the triangles, which fill loops."),
            (b0, "That counts the parts."),
        ],
    )
    parts, part_slips = counted(
        b0,
        [
            (v, "That counts the points; those whose disks touch are one part."),
            (v - e, "Not every edge joins two parts: one that closes a way round joins nothing new."),
            (b1, "That counts the loops."),
        ],
    )
    ranks, rank_slips = counted(
        rank,
        [
            (
                e,
                "That counts the columns; the edges of a way round add up to zero over Z/2, so not all of them are "
                "independent.",
            ),
            (v, "That counts the rows; the rows of one part add up to zero over Z/2."),
            (b0, "That is b₀, what is left of the points once the rank is taken off."),
        ],
    )
    at = f"r = {written_radius(scene.radius)}"
    return (
        Question(
            text="At this radius, how many loops are not filled by triangles?",
            choices=loops,
            slips=loop_slips,
            answer=f"{b1:,}",
            why=f"At {at} there are {plural(e, 'edge')}: {rank} join the points to {plural(b0, 'part')}, and "
            f"{e - rank} more close ways "
            f"round. ∂₂ of {plural(f, 'triangle')} has rank {filled}, so it fills {filled}: b₁ = {e} − {rank} − "
            f"{filled} = {b1}.",
            asks=("b1", "rank2"),
        ),
        Question(
            text="At this radius, how many parts are there?",
            choices=parts,
            slips=part_slips,
            answer=f"{b0:,}",
            why=f"At {at} {plural(v, 'point')} and {plural(e, 'edge')} are there. ∂₁ has rank {rank}, the number of "
            "edges that join "
            f"something new: b₀ = {v} − {rank} = {b0}.",
            asks=("b0", "rank1"),
        ),
        Question(
            text="The first boundary matrix ∂₁ has a row a point and a column an edge. What is its rank over Z/2?",
            choices=ranks,
            slips=rank_slips,
            answer=f"{rank:,}",
            why=f"Its rank is points minus parts: {v} − {b0} = {rank}, the number of edges that join something new; "
            f"{e - rank} more close ways round.",
            asks=("rank1",),
        ),
    )
