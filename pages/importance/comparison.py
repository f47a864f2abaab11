"""Two analyses side by side: both figures on one scale, their differences, and the selected cell."""

from __future__ import annotations

from html import escape

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.compare import CellComparison
from obce_core.figures.difference_map import NUMBERS, difference_map
from obce_core.figures.units import file_units
from obce_core.figures.widgets.cell_map.data import what
from obce_core.figures.widgets.cell_map.export import map_figure
from pages._shared import cached, downloads, layout, mounts, naming, state
from pages.importance import cell_panel, figure


def compared(source: Analysis, other: Analysis) -> list[CellComparison]:
    """Compare two analyses with the options of the page; raises AnalysisError if they cannot be compared."""
    selection = state.get()
    return cached.compared(source.id, other.id, selection.criterion, selection.aggregate, figure.below())


def beside(source: Analysis, other: Analysis) -> None:
    """Draw two analyses: both figures on one scale, their differences, and the selected cell."""
    selection, mode = state.get(), layout.mode()
    pair = (source, other)
    ends = [figure.map_of(analysis)["limits"] for analysis in pair]
    limits = (min(end[0] for end in ends), max(end[1] for end in ends))
    rows = compared(source, other)
    for column, analysis, letter in zip(st.columns(2, gap="large"), pair, "AB", strict=True):
        with column:
            st.html(f'<p class="note plain"><b>{letter}</b> · {escape(naming.label(analysis))}</p>')
            figure.draw(figure.map_of(analysis, limits), letter, letter, limits)
    difference_words = cached.input_differences(source.id, other.id)
    layout.note(
        f"A and B have {escape('; '.join(difference_words)) if difference_words else 'the same inputs'}. Both figures "
        f"use the same scale."
    )
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        top = st.columns([1.2, 1.6], vertical_alignment="center")
        top[0].subheader("B against A", anchor=False)
        with top[1]:
            figure.choice("number", "Number", NUMBERS, segmented=True)
        by = figure.unit_factor() if selection.aggregate != "share under" else 1.0
        below = figure.below() * figure.unit_factor()
        shown = what(selection.criterion, selection.aggregate, below=below, edge_length=selection.edge_length)
        data = difference_map(
            rows, number=selection.number, aggregate=selection.aggregate, scale=selection.scale, by=by, what=shown
        )
        mounts.cell_map(
            {**data, "heading": "B against A"},
            key="map-difference",
            selected=(selection.layer, selection.component),
            on_select=state.select_cell,
        )
        number = what(selection.criterion, selection.aggregate, below=figure.below())
        header = [
            "layer",
            "component",
            f"A, {number}",
            f"B, {number}",
            "spearman",
            "jaccard_p50",
            "jaccard_chance",
            "note",
        ]
        table_rows = [
            [r.layer, r.component, r.first, r.second, r.spearman, r.jaccard, r.chance, r.reason] for r in rows
        ]
        downloads.row(
            f"difference-{selection.criterion}",
            figure=lambda: map_figure(data, heading="B against A", mode=mode),
            csv_text=lambda: downloads.to_csv(header, table_rows),
            units=file_units(selection.criterion, edge_length=selection.edge_length),
        )
        layout.note(
            "<b>Difference</b>: B minus A; brown is less, teal is more. The colour grows with the ratio, or with the "
            "difference for linear colours. <b>Spearman</b>: agreement of the ranks (1: identical, 0: unrelated). "
            "<b>Jaccard</b>: overlap of the neurons that P50 removes; 0.33 for random halves. A dashed cell cannot be "
            "compared."
        )
    with right:
        cell_panel.panel(source, other, rows)
