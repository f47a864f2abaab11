"""Lesson 4: one real neuron's outputs on a line, its gaps, and r_f, half of the widest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from obce_core.formatting import amount
from obce_core.lessons.question import Question, Slip, apart, counted, plural
from obce_core.lessons.scene import letters
from obce_core.topology import LineMerge, line_merges

_MARKS = 4
_CLOSE = 0.97
"""A marked gap is at most this share of the widest, so that the eye can tell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gap:
    """A marked gap: its letter, its merge, and the outputs at its two ends."""

    letter: str
    merge: LineMerge
    left: float
    right: float

    @property
    def width(self) -> float:
        return 2 * self.merge.radius

    @property
    def texts(self) -> tuple[int, int]:
        """The texts at its two ends, by their places in the input."""
        return self.merge.left, self.merge.right


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One neuron's outputs, shape (texts,), its merges by radius, and up to four marked gaps."""

    values: np.ndarray
    merges: tuple[LineMerge, ...]
    gaps: tuple[Gap, ...]

    @property
    def r_f(self) -> float:
        return self.merges[-1].radius if self.merges else 0.0

    @property
    def tied(self) -> bool:
        """True when another gap is as wide as the widest: the texts on its sides then merge at the same radius."""
        return len(self.merges) > 1 and self.merges[-2].radius == self.r_f

    @property
    def widest(self) -> Gap | None:
        """The gap that closes last; None where all texts give the same value."""
        return max(self.gaps, key=lambda gap: gap.width, default=None)


def look(values: Sequence[float] | np.ndarray) -> Line:
    """Look at a neuron's outputs: mark the widest gap and some others that are clearly less wide."""
    outputs = np.asarray(values, dtype=np.float64)
    _, merges = line_merges(outputs)
    chosen: list[LineMerge] = []
    for merge in reversed(merges):
        fits = not chosen or merge.radius <= _CLOSE * chosen[0].radius
        if merge.radius > 0 and fits and len(chosen) < _MARKS:
            chosen.append(merge)
    chosen.sort(key=lambda merge: merge.gap)
    gaps = tuple(
        Gap(letter=letter, merge=merge, left=float(outputs[merge.left]), right=float(outputs[merge.right]))
        for letter, merge in zip(letters(len(chosen)), chosen, strict=True)
    )
    return Line(values=outputs, merges=merges, gaps=gaps)


def questions(line: Line, *, edge_length: bool = False, noun: str = "text") -> tuple[Question, ...]:
    """Ask which gap closes last, for r_f, and how many texts it sets apart; nothing where all outputs are equal.

    `noun` says what one output belongs to: a text, or a token.
    """
    widest = line.widest
    if widest is None:
        return ()
    results = [_r_f(line, widest, edge_length, noun), _apart(line, widest, noun)]
    return (_which(line, widest, noun), *results) if len(line.gaps) > 1 else tuple(results)


def _which(line: Line, widest: Gap, noun: str) -> Question:
    smaller = {gap.letter: min(gap.merge.gap + 1, len(line.values) - gap.merge.gap - 1) for gap in line.gaps}
    most = max(smaller.values())
    balanced = [letter for letter, size in smaller.items() if size == most]
    slips = []
    for gap in line.gaps:
        if gap is widest:
            continue
        even = f" Of the marked gaps it divides the {noun}s most evenly, but only the width counts."
        more = even if balanced == [gap.letter] else ""
        slips.append(
            Slip(
                answer=gap.letter,
                why=f"Gap {gap.letter} is {amount(gap.width)} wide and closes at radius "
                f"{amount(gap.merge.radius)}.{more}",
            )
        )
    left, right = apart(widest.left, widest.right)
    return Question(
        text="The disks keep growing. Which of the marked gaps closes last?",
        choices=tuple(gap.letter for gap in line.gaps),
        answer=widest.letter,
        why=f"Of the marked gaps {widest.letter} is the widest, {amount(widest.width)} from {left} to {right}: its "
        "two sides merge last.",
        slips=tuple(slips),
        asks=("r_f", "widths"),
    )


def _r_f(line: Line, widest: Gap, edge_length: bool, noun: str) -> Question:
    extent = float(line.values.max() - line.values.min())
    radius = widest.merge.radius
    answer, other = (2 * radius, radius) if edge_length else (radius, 2 * radius)
    left, right = apart(widest.left, widest.right)
    return Question(
        kind="number",
        text=f"{'One of the widest gaps' if line.tied else 'The widest gap'} runs from {left} to {right}. "
        + ("What is r_f as an edge length?" if edge_length else "What is r_f?"),
        answer=answer,
        tolerance=0.02 * answer,
        why=f"The gap is {right} − {left} = {amount(2 * radius)} wide. Disks grow from both of its "
        f"ends, so they touch at half of it: r_f = {amount(radius)}"
        + (f", an edge length of {amount(2 * radius)}." if edge_length else "."),
        slips=(
            Slip(
                answer=other,
                why="That is the radius; the edge length is the whole gap."
                if edge_length
                else "That is the whole gap, the edge length that gudhi reports; each disk covers half of it.",
            ),
            Slip(
                answer=extent / 2,
                why=f"That is half of the range: all {noun}s count there, but only neighbours on the line merge.",
            ),
            Slip(answer=extent, why="That is the range, from the smallest output to the largest."),
        ),
        asks=("r_f", "widths"),
    )


def _apart(line: Line, widest: Gap, noun: str) -> Question:
    sides = sorted((widest.merge.left_size, widest.merge.right_size))
    choices, slips = counted(
        sides[0],
        [
            (sides[1], "That is the larger side of the gap."),
            (2, f"The {noun}s at the two ends touch, but each brings the whole part that it belongs to."),
            (len(line.values) - 1, f"That is how many gaps lie between {len(line.values):,} {noun}s."),
        ],
    )
    where = f"gap {widest.letter}, one of the widest" if line.tied else "the widest gap"
    last = "" if line.tied else f": the last merge joins parts of {sides[0]:,} and {sides[1]:,}"
    return Question(
        text=f"How many {noun}s lie on the smaller side of {where}?",
        choices=choices,
        slips=slips,
        answer=f"{sides[0]:,}",
        why=f"Gap {widest.letter} has {plural(widest.merge.left_size, noun)} on its left "
        f"and {widest.merge.right_size:,} on its right{last}.",
        asks=("apart",),
    )
