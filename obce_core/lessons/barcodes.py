"""Lesson 3: births, deaths and bars; the bar that never ends; radius against edge length."""

from __future__ import annotations

from obce_core.formatting import amount
from obce_core.lessons.question import Question, Slip, apart, counted, plural
from obce_core.lessons.scene import Scene, written_radius

_STEP = 0.0105
"""The slider moves by 0.01: what is read off it is right."""


def questions(scene: Scene, *, edge_length: bool = False) -> tuple[Question, ...]:
    """Ask for the living bars, the last death, gudhi's number, and the longest loop's life where there is one.

    With `edge_length` the numbers of the figure are edge lengths, twice the radii, and so are the answers.
    """
    count = len(scene.points)
    if count < 2:
        return ()
    results = [
        _alive(scene, 2 if edge_length else 1),
        _last(scene, 2 if edge_length else 1),
        _gudhi(scene, edge_length),
    ]
    if len(scene.bars.h1):
        results.append(_loop(scene, 2 if edge_length else 1))
    return tuple(results)


def _alive(scene: Scene, scale: int) -> Question:
    count, (b0, _) = len(scene.points), scene.bars.alive(scene.r)
    ended = count - b0
    at = f"edge length {written_radius(2 * scene.radius)}" if scale == 2 else f"r = {written_radius(scene.radius)}"
    choices, slips = counted(
        b0,
        [
            (b0 - 1, "That leaves out the bar that never ends."),
            (ended, "That counts the bars that have ended."),
            (count, f"That counts all bars; {ended} of them have ended."),
        ],
    )
    where = "edge length" if scale == 2 else "radius"
    return Question(
        text=f"At this {where}, how many bars of the parts are alive?",
        choices=choices,
        slips=slips,
        answer=f"{b0:,}",
        why=f"{plural(count, 'point')} give {plural(count, 'bar')}, one of which never ends. At {at} {ended} have "
        "ended, so "
        f"{count} − {ended} = {b0} are alive: as many as there are parts, the infinite one included.",
        asks=("b0",),
    )


def _last(scene: Scene, scale: int) -> Question:
    radius = float(scene.bars.h0[-1])
    name, wrong, times = ("edge length", "radius", "half") if scale == 2 else ("radius", "edge length", "twice")
    answer, slip = (2 * radius, radius) if scale == 2 else (radius, 2 * radius)
    median = float(scene.bars.h0[len(scene.bars.h0) // 2]) * scale
    return Question(
        kind="number",
        text=f"Move r: at which {name} does everything become one part?",
        answer=answer,
        tolerance=max(_STEP * scale, 0.01 * answer),
        why=f"The last finite bar ends at {name} {amount(answer)}: the two points that touch then lie "
        f"{amount(2 * radius)} apart, and each "
        f"disk covers half of that, {amount(radius)}.",
        slips=(
            Slip(answer=slip, why=f"That is the {wrong}, {times} of what is asked."),
            Slip(answer=median, why="At that scale some parts touch, but not all."),
        ),
        asks=("last",),
    )


def _gudhi(scene: Scene, edge_length: bool) -> Question:
    radius = float(scene.bars.h0[-1])
    if edge_length:
        told, answer, text = (
            radius,
            2 * radius,
            f"Everything is one part at radius {amount(radius)}. Which edge length does gudhi report?",
        )
    else:
        told, answer, text = (
            2 * radius,
            radius,
            f"gudhi reports that the last part dies at {amount(2 * radius)}. Which radius is that?",
        )
    return Question(
        kind="number",
        text=text,
        answer=answer,
        tolerance=0.01 * answer + 1e-9,
        why="gudhi and ripser measure the edge between two points, we the disk around each. Two disks of radius "
        f"{amount(radius)} touch across an edge of {amount(2 * radius)}.",
        slips=(
            Slip(answer=told, why="The two conventions differ by a factor of two."),
            Slip(
                answer=told / 2 if edge_length else 2 * told,
                why="The factor goes the other way: an edge is longer than a radius.",
            ),
        ),
        asks=("last",),
    )


def _loop(scene: Scene, scale: int) -> Question:
    born, dead = max(scene.bars.h1.tolist(), key=lambda bar: bar[1] - bar[0])
    born, dead = born * scale, dead * scale
    life = dead - born
    start, end = apart(born, dead)
    return Question(
        kind="number",
        text=f"The most lasting loop is born at {start} and dies at {end}. How long does it live?",
        answer=life,
        tolerance=0.02 * life + 0.0101 * scale,
        why=f"It lives from the {'edge length' if scale == 2 else 'radius'} at which it closes to the one at which "
        "triangles fill it: "
        f"{end} − {start} = {amount(life)}.",
        slips=(
            Slip(answer=dead, why="That is when it dies; it was not born at 0. Parts are, loops are not."),
            Slip(answer=born, why="That is when it is born."),
            Slip(answer=life / 2 if scale == 2 else 2 * life, why="That mixes radius and edge length."),
        ),
    )
