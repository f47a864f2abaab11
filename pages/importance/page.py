"""The Importance page: the map or lines, one cell's distribution and neurons, and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from obce_core.analysis.catalog import Saved
from obce_core.analysis.ranking import NEAR_RULE
from obce_core.components import TITLES
from obce_core.criteria import CRITERIA, criterion
from obce_core.errors import ObceError
from obce_core.figures.units import title
from obce_core.figures.widgets.cell_map.data import AGGREGATES, SCALES, extremes
from obce_core.formatting import amount, share
from pages._shared import cached, guards, layout, naming, state
from pages.importance import cell_panel, comparison, figure

selection = state.get()
source = guards.need_analysis()


def _below(by: float, key: str) -> None:
    """Store the threshold of `share under` as a radius."""
    selection.below = st.session_state[key] / by


def _controls(others: list[Saved]) -> None:
    """Draw the row of options above the figure."""
    names = {"": "nothing"} | {entry.id: naming.name_of(entry) for entry in others}
    is_missing = selection.compare not in names
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        figure.choice("figure", "Figure", {"map": "Map", "lines": "Lines"}, segmented=True)
        figure.choice("aggregate", "Number in a cell", {name: name for name in AGGREGATES}, width=150)
        if selection.aggregate == "share under":
            by, key = figure.unit_factor(), state.key("importance-below")
            st.session_state[key] = selection.below * by  # stored as a radius, displayed in the unit of the page
            st.number_input(
                "Value",
                0.0,
                None,
                step=selection.below * by / 10 or 0.001,
                format="%.3g",
                key=key,
                width=150,
                on_change=_below,
                args=(by, key),
            )
        figure.choice("criterion", "Criterion", {name: row.title for name, row in CRITERIA.items()}, width=190)
        figure.choice(
            "scale",
            "Colours" if selection.figure == "map" else "Scale",
            {name: name for name in SCALES},
            segmented=True,
        )
        figure.choice(
            "compare", "Compare with", ({selection.compare: "deleted"} if is_missing else {}) | names, width=230
        )
    if is_missing:
        guards.show_gone(
            "compare", f"Analysis {selection.compare} was deleted, or is in another cache, so nothing is compared."
        )


def _lead(data: Mapping[str, Any]) -> str:
    """Return one sentence on where the selected criterion is largest and smallest."""
    ends = extremes(data)
    if ends is None:
        return "Every text gives the same value in every cell, so this criterion cannot rank the neurons."
    low, high = ends
    name = (
        title(selection.criterion, edge_length=True) if selection.edge_length else criterion(selection.criterion).title
    ).replace("r_f", "r<sub>f</sub>")
    what = criterion(selection.criterion).definition.split(":")[0].split(" (")[0]
    if selection.edge_length and selection.criterion == "r_f":
        what = "the widest gap between the neuron's outputs"
    cells = [f"layer {cell['layer']} {TITLES[cell['component']].lower()}" for cell in (high, low)]
    under = f"{selection.aggregate} {amount(selection.below * figure.unit_factor())}"
    of = under if selection.aggregate == "share under" else selection.aggregate
    return (
        f"{name} is {what}. Of the cells that can be cut, {cells[0]} has the largest {of} (<b>{high['text']}</b>), "
        f"{cells[1]} the smallest (<b>{low['text']}</b>)."
    )


def _banner(data: Mapping[str, Any]) -> None:
    """List the cells that can be cut and have many scores near zero. This is not a measure of rank stability."""
    near = [cell for cell in data["cells"] if cell.get("near") and not cell["locked"]]
    if near:
        cells = [
            f"layer {cell['layer']} {TITLES[cell['component']].lower()} ({share(cell['near_share'], 0)})"
            for cell in near
        ]
        more = f" and {len(cells) - 6} more" if len(cells) > 6 else ""
        name = criterion(selection.criterion).title
        st.info(
            f"Share of {name} near zero ({NEAR_RULE}): {', '.join(cells[:6])}{more}. It compares sizes within one "
            f"sample; "
            "the stability of ranks is measured by Spearman between two sets of texts.",
            icon=":material/info:",
        )


_HOW_MAP = (
    "Click a cell, or move with the arrow keys. <b>Padlock</b>: attention output and output feed a residual sum, so "
    "they are "
    "shown but never cut. <b>All equal</b>: every text gives the same value, so a ranking has no meaning (on [CLS], "
    "layer 1 "
    "sees the same token at the same position in every text)."
)
_HOW_LINES = (
    "The paper's Figure 6: one line per component. <b>Dotted</b>: attention output and output, which feed a residual "
    "sum and "
    "are never cut. <b>Gap in a line</b>: every text gives the same value. Click a point to see its cell."
)


def _alone() -> None:
    """Draw one analysis: its figure at the left, the selected cell at the right."""
    data = figure.map_of(source)
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        figure.draw(data, "", "")
        layout.note(_HOW_LINES if selection.figure == "lines" else _HOW_MAP)
    with right:
        cell_panel.panel(source)


def _body() -> None:
    others = [entry for entry in cached.saved() if entry.id != source.id]
    data = figure.map_of(source)
    layout.title("Importance", _lead(data))
    _controls(others)
    _banner(data)
    if selection.compare in {entry.id for entry in others}:
        try:
            other = cached.analysis(selection.compare)
            comparison.compared(source, other)
        except ObceError as error:
            guards.show_error(error)
            _alone()
        else:
            comparison.beside(source, other)
    else:
        _alone()
    cell_panel.neurons(source)
    with st.expander("How to read this"):
        st.markdown(
            "**r_f** is half of the widest gap between a neuron's outputs over the texts. With a disk of radius r "
            "around each "
            "output, the disks become connected at r = r_f (zero-dimensional persistent homology, arXiv 2312.10702). "
            "It is a "
            "radius; the edge length that gudhi and ripser report is twice as long. The switch in the sidebar shows "
            "edge "
            "lengths.\n\n"
            "**Pxx** marks the percentile at or below which a plan removes neurons of this cell. The **density "
            "curves** of all "
            f"cells share one log axis. **Near zero** means {NEAR_RULE}.\n\n"
            "**Limits.** A widest gap is set by one or two extreme texts, so ranks by r_f vary more between samples "
            "than ranks "
            "by std. Compare both, and two sets of texts, before you cut. Values are comparable only within a layer "
            "and "
            "component, so percentiles are taken there. [CLS] alone says little about a neuron at other tokens."
        )


with guards.caught():
    _body()
