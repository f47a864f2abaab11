"""Comparison of two analyses: both figures on one scale, their differences, and the selected cell."""

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
    """Compare the two by the page's choices; raise AnalysisError if they are not comparable."""
    selection = state.get()
    return cached.compared(source.id, other.id, selection.criterion, selection.aggregate, figure.below())


def beside(source: Analysis, other: Analysis) -> None:
    """Two analyses: both figures on one scale, then what differs, and the selected cell."""
    chosen, mode = state.get(), layout.mode()
    pair = (source, other)
    ends = [figure.map_of(analysis)["limits"] for analysis in pair]
    limits = (min(end[0] for end in ends), max(end[1] for end in ends))
    rows = compared(source, other)
    for column, analysis, letter in zip(st.columns(2, gap="large"), pair, "AB", strict=True):
        with column:
            st.html(f'<p class="note plain"><b>{letter}</b> · {escape(naming.label(analysis))}</p>')
            figure.draw(figure.map_of(analysis, limits), letter, letter, limits)
    apart = cached.told_apart(source.id, other.id)
    layout.note(
        f"A and B have {escape('; '.join(apart)) if apart else 'the same inputs'}. Both figures share one scale."
    )
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        top = st.columns([1.2, 1.6], vertical_alignment="center")
        top[0].subheader("B against A", anchor=False)
        with top[1]:
            figure.choice("number", "Number", NUMBERS, segmented=True)
        by = figure.unit_factor() if chosen.aggregate != "share under" else 1.0
        below = figure.below() * figure.unit_factor()
        visible = what(chosen.criterion, chosen.aggregate, below=below, edge_length=chosen.edge_length)
        data = difference_map(
            rows, number=chosen.number, aggregate=chosen.aggregate, scale=chosen.scale, by=by, what=visible
        )
        mounts.cell_map(
            {**data, "heading": "B against A"},
            key="map-difference",
            selected=(chosen.layer, chosen.component),
            on_select=state.select_cell,
        )
        number = what(chosen.criterion, chosen.aggregate, below=figure.below())
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
        listed = [[r.layer, r.component, r.first, r.second, r.spearman, r.jaccard, r.chance, r.reason] for r in rows]
        downloads.row(
            f"difference-{chosen.criterion}",
            figure=lambda: map_figure(data, heading="B against A", mode=mode),
            csv_text=lambda: downloads.to_csv(header, listed),
            units=file_units(chosen.criterion, edge_length=chosen.edge_length),
        )
        layout.note(
            "<b>Difference</b>: B minus A; brown is less, teal is more, the stronger the larger the ratio (or, with "
            "linear colours, the "
            "difference). <b>Spearman</b>: do both rank the neurons alike (1: yes, 0: not at all). <b>Jaccard</b>: "
            "how much of what P50 "
            "removes is the same; random halves share 0.33. A dashed cell cannot be compared."
        )
    with right:
        cell_panel.panel(source, other, rows)
