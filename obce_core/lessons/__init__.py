"""Five lessons from points to a cut: figures as values, and check questions whose answers follow from them.

Each module makes the questions of one lesson from the present state of its figure; other points give other answers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One row of the table: a short name for the strip, the lesson's question as title, and its idea in a few lines."""

    name: str
    title: str
    lead: str


LESSONS = (
    Lesson(
        name="Complexes",
        title="What is a shape made of?",
        lead="A <b>simplex</b> is a point, an edge between two, a triangle between three. A <b>complex</b> holds every face of each of "
        "its simplices. Click to add a point; choose two or three to join them.",
    ),
    Lesson(
        name="Growing disks",
        title="When do points belong together?",
        lead="Grow a disk of radius r around every point. Two points are joined when their disks touch, three are filled when all "
        "their pairs are joined: that is the <b>Vietoris–Rips complex</b>. Move the radius, drag a point, click to add one.",
    ),
    Lesson(
        name="Barcodes",
        title="How long does each part live?",
        lead="Every point is <b>born</b> as a part of its own at r = 0. When two parts touch, one of them <b>dies</b>; a loop is born "
        "when it closes and dies when it is filled. Each is a bar. One bar never ends: something is always left.",
    ),
    Lesson(
        name="A neuron",
        title="What does a neuron hold apart?",
        lead="A neuron gives every text one number: a cloud on a line. Its disks become one piece when the widest gap closes, and that "
        "radius is <b>r<sub>f</sub></b>, half of the gap.",
    ),
    Lesson(
        name="A cut",
        title="Which neurons go?",
        lead="Order the neurons of one cell by r<sub>f</sub>. <b>P50</b> cuts those at or below the 50th percentile. Each becomes a "
        "constant, which folds into its neighbours, so its parameters leave the model.",
    ),
)
"""The lessons in their order; people count them from 1."""
