"""Downloads of lessons 1 to 3."""

from __future__ import annotations

import math
from typing import Any

from obce_core.figures.units import file_units
from obce_core.figures.widgets.field.export import field_figure
from obce_core.figures.widgets.panels.bars import barcode_figure, diagram_figure
from obce_core.figures.widgets.panels.matrix import matrix_figure
from obce_core.lessons.scene import (
    MAX_POINTS,
    Scene,
    letters,
    named,
    to_units,
)
from obce_core.topology import Complex
from pages._shared import downloads, layout
from pages.learn import parts

PANEL_NAMES = {"bars": "Barcode", "diagram": "Births and deaths", "first": "∂₁", "second": "∂₂", "points": "Points"}


def take(scene: Scene, data: dict[str, Any]) -> None:
    """Show the ways on, and offer the field."""
    parts.steps()
    mode, names = layout.mode(), letters(MAX_POINTS)
    downloads.row(
        "lesson-field",
        label="Field",
        figure=lambda: field_figure(data, [*scene.complex.edges, *scene.complex.triangles], names, mode=mode),
        csv_text=lambda: downloads.to_csv(
            ["point", "x", "y"], [(names[at], *to_units(point)) for at, point in enumerate(scene.points)]
        ),
    )


def take_bars(scene: Scene, panel: str, *, edge_length: bool) -> None:
    """Offer the bars, drawn as the panel shows them."""
    mode = layout.mode()
    draw, label = (diagram_figure, "Births and deaths") if panel == "diagram" else (barcode_figure, "Barcode")

    def table() -> str:
        barcode = scene.bars
        rows = [[0, 0.0, float(death)] for death in barcode.h0] + ([[0, 0.0, math.inf]] if barcode.points else [])
        rows += [[1, float(birth), float(death)] for birth, death in barcode.h1]
        return downloads.to_csv(["dimension", "birth (radius)", "death (radius)"], rows)

    downloads.row(
        "lesson-bars",
        label=label,
        figure=lambda: draw(scene.bars, scene.r, edge_length=edge_length, mode=mode),
        csv_text=table,
        units=file_units(edge_length=edge_length),
    )


def take_matrix(found: Complex, panel: str) -> None:
    """Offer a boundary matrix, whole."""
    mode, dim = layout.mode(), 1 if panel == "first" else 2

    def table() -> str:
        faces = [named(face) for face in found.of(dim - 1)]
        rows = [[face, *row] for face, row in zip(faces, found.boundary(dim).tolist(), strict=True)]
        return downloads.to_csv(["face", *(named(simplex) for simplex in found.of(dim))], rows)

    downloads.row(
        "lesson-boundary",
        label=f"Matrix {PANEL_NAMES[panel]}",
        figure=lambda: matrix_figure(found, dim, named, mode=mode),
        csv_text=table,
    )
