"""Lessons 1 to 3: points in a field."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from obce_core.figures.widgets import panels
from obce_core.figures.widgets.field.data import field_data
from obce_core.figures.widgets.field.export import field_figure
from obce_core.formatting import amount
from obce_core.lessons import barcodes as lesson_3
from obce_core.lessons import complexes as lesson_1
from obce_core.lessons import rips as lesson_2
from obce_core.lessons.drawing import MAX_VERTICES, SHAPES, Drawing, from_names, read_drawing, write_drawing
from obce_core.lessons.question import Question
from obce_core.lessons.scene import (
    FIELD,
    MAX_POINTS,
    MAX_RADIUS,
    SETS,
    Point,
    Scene,
    from_units,
    letters,
    named,
    read_scene,
    to_points,
    to_units,
    write_points,
    write_radius,
)
from obce_core.topology import Complex
from pages._shared import downloads, layout, mounts, state
from pages.learn import parts
from pages.learn.point_downloads import PANEL_NAMES, take, take_bars, take_matrix

_SHAPES = {"house": "House", "shell": "Hollow shell", "pieces": "Pieces", "broken": "Not a complex", "own": "Your own"}
_SETS = {"ring": "Ring", "blobs": "Two blobs", "line": "Line", "noise": "Noise", "own": "Your own"}


def _height() -> int:
    """Return the height of the panel beside the field."""
    return 250 if state.get().presentation else 190


def complexes() -> None:
    """Lesson 1: build a complex by hand."""
    selection = state.get()
    event = mounts.said("lesson-drawing", "edit", selection.lesson_revision)
    if event:
        selection.lesson_complex = write_drawing(from_names(to_points(event["points"]), event["simplices"]))
    drawing = read_drawing(selection.lesson_complex) or SHAPES["house"]
    name = write_drawing(drawing)
    picked = parts.pick("Shape", "shape", _SHAPES, name if name in SHAPES else "own")
    if picked:
        drawing = SHAPES.get(picked, Drawing(points=(), simplices=()))
        selection.lesson_complex = write_drawing(drawing)
        selection.lesson_revision += 1
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        data = field_data(
            drawing.points, size=FIELD, most=MAX_VERTICES, simplices=drawing.simplices, large=selection.presentation
        )
        mounts.field(data, key="lesson-drawing", revision=selection.lesson_revision)
        layout.note(
            "Dots and lines are there, shaded triangles are filled, a dashed edge is missing. Drag a point to move it."
        )
    questions = lesson_1.questions(drawing)
    with right:
        question = parts.asked(questions)
        complex_ = drawing.complex
        if complex_ is None:
            rows = [
                (f"n{size}", word, f"{len(drawing.of(size))}")
                for size, word in ((1, "points"), (2, "edges"), (3, "triangles"))
            ]
            parts.numbers(question, [*rows, ("missing", "faces missing", f"{len(drawing.missing)}")])
            turn = st.container()
            layout.note(
                "<b>Not a complex</b>: some face of a simplex is missing, so boundary and holes are not defined."
            )
        else:
            parts.numbers(
                question,
                [
                    ("b0", "b₀ pieces", f"{complex_.betti[0]}"),
                    ("b1", "b₁ loops", f"{complex_.betti[1]}"),
                    ("v", "points", f"{len(complex_.vertices)}"),
                    ("e", "edges", f"{len(complex_.edges)}"),
                    ("f", "triangles", f"{len(complex_.triangles)}"),
                    ("euler", "χ Euler", f"{complex_.euler}".replace("-", "−")),
                ],
            )
            panel, turn = parts.places()
            visible = _choose("first", ("first", "second"), panel)
            with panel:
                _matrices(question, complex_, visible)
        with turn:
            parts.your_turn(questions, empty="Click in the field to add a first point.")
    parts.steps()
    mode = layout.mode()
    downloads.row(
        "lesson-complex",
        label="Drawing",
        figure=lambda: field_figure(data, drawing.simplices, letters(MAX_VERTICES), mode=mode),
        csv_text=lambda: downloads.to_csv(
            ["simplex", "dimension"], [[named(simplex), len(simplex) - 1] for simplex in drawing.all]
        ),
    )
    if complex_ is not None:
        take_matrix(complex_, visible)


def disks() -> None:
    """Lesson 2: the Vietoris-Rips complex at a radius."""
    scene = _scene()
    questions = lesson_2.questions(scene)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        data = _field(scene, edge_length=False)
    with right:
        question = parts.asked(questions)
        complex_ = scene.complex
        parts.numbers(
            question,
            [
                ("b0", "b₀ parts", f"{scene.betti[0]}"),
                ("b1", "b₁ loops", f"{scene.betti[1]}"),
                ("v", "points", f"{len(complex_.vertices)}"),
                ("e", "edges", f"{len(complex_.edges)}"),
                ("f", "triangles", f"{len(complex_.triangles):,}"),
            ],
        )
        panel, turn = parts.places()
        picked = _choose("bars", ("bars", "first", "second", "points"), panel)
        with panel:
            if picked == "bars":
                st.html(panels.barcode_panel(scene.bars, scene.r, height=_height()))
            elif picked == "points":
                _table(scene)
            else:
                _matrices(question, complex_, picked)
        with turn:
            parts.your_turn(questions, empty="Click in the field to add a first point.")
    take(scene, data)
    if picked in ("first", "second"):
        take_matrix(complex_, picked)
    else:
        take_bars(scene, "bars", edge_length=False)


def barcodes() -> None:
    """Lesson 3: births, deaths and bars."""
    selection = state.get()
    scene = _scene()
    questions = lesson_3.questions(scene, edge_length=selection.edge_length)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        data = _field(scene, edge_length=selection.edge_length)
    with right:
        question = parts.asked(questions)
        b0, b1 = scene.bars.alive(scene.r)
        last = float(scene.bars.h0[-1]) * (2 if selection.edge_length else 1) if len(scene.bars.h0) else None
        parts.numbers(
            question,
            [
                ("b0", "bars of parts alive", f"{b0}"),
                ("b1", "of loops alive", f"{b1}"),
                ("last", "all one part at", "–" if last is None else amount(last)),
            ],
        )
        panel, turn = parts.places()
        picked = _choose("bars", ("bars", "diagram", "points"), panel)
        with panel:
            if picked == "points":
                _table(scene)
            else:
                draw = panels.barcode_panel if picked == "bars" else panels.diagram_panel
                st.html(draw(scene.bars, scene.r, edge_length=selection.edge_length, height=_height()))
            st.session_state["lesson-edge"] = selection.edge_length  # the sidebar switches it too
            st.toggle("Edge length, as gudhi and ripser report", key="lesson-edge", on_change=_unit)
        with turn:
            parts.your_turn(questions, empty="Add two points: one alone never merges.")
    take(scene, data)
    take_bars(scene, picked, edge_length=selection.edge_length)


def _scene() -> Scene:
    """Show the choice of point sets; return the points and the radius."""
    selection = state.get()
    event = mounts.said("lesson-field", "edit", selection.lesson_revision)
    if event:
        selection.lesson_points = write_points(to_points(event["points"]))
        selection.lesson_radius = write_radius(min(max(int(event["radius"]), 0), MAX_RADIUS))
    scene = read_scene(selection.lesson_points, selection.lesson_radius)
    name = write_points(scene.points)
    picked = parts.pick("Points", "set", _SETS, name if name in SETS else "own")
    if picked:
        scene = Scene(points=SETS.get(picked, ()), radius=scene.radius)
        _put(scene.points)
    return scene


def _put(points: tuple[Point, ...]) -> None:
    """Replace the points from outside the field."""
    selection = state.get()
    selection.lesson_points = write_points(points)
    selection.lesson_revision += 1


def _field(scene: Scene, *, edge_length: bool) -> dict[str, Any]:
    """Show the field; return its data."""
    selection = state.get()
    data = field_data(
        scene.points,
        size=FIELD,
        most=MAX_POINTS,
        radius=scene.radius,
        max_radius=MAX_RADIUS,
        edge_length=edge_length,
        large=selection.presentation,
    )
    mounts.field(data, key="lesson-field", revision=selection.lesson_revision)
    layout.note(
        "Click adds a point, drag moves one. Arrow keys move the chosen point, [ and ] choose another, Delete removes "
        "it."
    )
    return data


def _choose(default: str, names: tuple[str, ...], panel: DeltaGenerator) -> str:
    selection = state.get()
    current = selection.lesson_panel if selection.lesson_panel in names else default
    with panel:
        picked = parts.pick("Panel", f"panel-{'-'.join(names)}", {name: PANEL_NAMES[name] for name in names}, current)
    if picked:
        selection.lesson_panel = current = picked
    return current


def _matrices(question: Question | None, found: Complex, panel: str) -> None:
    dim = 1 if panel == "first" else 2
    rows, columns = len(found.of(dim - 1)), len(found.of(dim))
    rank = "?" if parts.covers(question, f"rank{dim}") else str(found.rank(dim))
    st.html(panels.matrix_panel(found, dim, named, height=_height() - 24))
    what = ("point", "edge") if dim == 1 else ("edge", "triangle")
    layout.note(
        f"{rows} × {columns:,} over Z/2, a row a{'n' * (dim - 1)} {what[0]}, a column a{'n' * (2 - dim)} {what[1]}; "
        f"<b>rank {rank}</b>."
    )


def _table(scene: Scene) -> None:
    """Show the points as an editable table, reset when they change elsewhere or it was hidden.

    The table keeps the points that it started from and adds what was typed since; streamlit drops the latter once it is
    not shown.
    """
    selection = state.get()
    if (
        selection.lesson_table_now != scene.points
        or f"lesson-table-{selection.lesson_table_key}" not in st.session_state
    ):
        selection.lesson_table, selection.lesson_table_now = list(scene.points), scene.points
        selection.lesson_table_key += 1
    rows = st.data_editor(
        [{"x": x, "y": y} for x, y in map(to_units, selection.lesson_table)] or [{"x": None, "y": None}],
        num_rows="dynamic",
        height=_height(),
        key=f"lesson-table-{selection.lesson_table_key}",
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(min_value=0.0, max_value=most / 1000, step=0.001, format="%.3g")
            for name, most in zip("xy", FIELD, strict=True)
        },
    )
    points = from_units([(row.get("x"), row.get("y")) for row in rows])
    if points != scene.points:
        selection.lesson_table_now = points
        _put(points)
        parts.again()


def _unit() -> None:
    state.get().edge_length = bool(st.session_state["lesson-edge"])
