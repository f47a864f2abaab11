"""The figure of one analysis as a map or as lines, and its options; a comparison draws two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.ranking import NEAR_RULE
from obce_core.figures.lines import lines
from obce_core.figures.units import factor, file_units
from obce_core.figures.widgets.cell_map.data import what
from obce_core.figures.widgets.cell_map.export import map_figure
from pages._shared import cached, charts, downloads, layout, mounts, state


def keep(field: str, key: str) -> None:
    """Write a widget's value back into the state; a cleared choice leaves the state unchanged."""
    value = st.session_state[key]
    if value is not None:
        setattr(state.get(), field, value)


def choice(
    field: str,
    label: str,
    options: Mapping[str, str],
    *,
    segmented: bool = False,
    width: int | Literal["stretch"] = "stretch",
) -> None:
    """Draw a choice whose value is stored in the state; a segmented control is as wide as its labels."""
    key, names = state.key(f"importance-{field}"), list(options)
    widget: dict[str, Any] = {
        "format_func": lambda name: options.get(name, name),
        "key": key,
        "on_change": keep,
        "args": (field, key),
    }
    if segmented:
        st.segmented_control(label, names, default=getattr(state.get(), field), width="content", **widget)
    else:
        st.selectbox(label, names, names.index(getattr(state.get(), field)), width=width, **widget)


def map_of(analysis: Analysis, limits: tuple[float, float] | None = None) -> dict[str, Any]:
    """Return the data of an analysis's map with the options of the page."""
    selection = state.get()
    return cached.importance_map(
        analysis.id,
        selection.criterion,
        selection.aggregate,
        below=below() * unit_factor(),
        scale=selection.scale,
        edge_length=selection.edge_length,
        limits=limits,
    )


def below() -> float:
    """Return the threshold of the aggregate `share under`, a radius; 0 for others, so that it changes no cache key."""
    selection = state.get()
    return selection.below if selection.aggregate == "share under" else 0.0


def unit_factor() -> float:
    """Return the factor between the stored and the displayed values of the criterion."""
    selection = state.get()
    return factor(selection.criterion, edge_length=selection.edge_length)


def draw(data: Mapping[str, Any], which: str, heading: str, limits: tuple[float, float] | None = None) -> None:
    """Draw one analysis as a map or as lines, with its downloads."""
    selection, mode = state.get(), layout.mode()
    cell = (selection.layer, selection.component)
    name = f"importance-{selection.criterion}-{which}" if which else f"importance-{selection.criterion}"
    if selection.figure == "lines":
        figure = lines(
            data, aggregate=selection.aggregate, scale=selection.scale, selected=cell, limits=limits, mode=mode
        )
        charts.choose(
            figure,
            key=f"lines-{which}-{data['signature']}",
            on_pick=lambda picked: state.select_cell(int(picked[0]), str(picked[1])),
        )
        make: Any = figure
    else:
        mounts.cell_map({**data, "heading": heading}, key=f"map-{which}", selected=cell, on_select=state.select_cell)
        make = lambda: map_figure(data, heading=heading, mode=mode)  # noqa: E731
    scale = 1.0 if selection.aggregate == "share under" else unit_factor()
    column = what(selection.criterion, selection.aggregate, below=below())
    header = ["layer", "component", column, f"share near zero ({NEAR_RULE})", "note"]
    rows = [
        [
            c["layer"],
            c["component"],
            c["value"] / scale if "value" in c else "",
            c.get("near_share", ""),
            c.get("equal", ""),
        ]
        for c in data["cells"]
    ]
    downloads.row(
        name,
        figure=make,
        csv_text=lambda: downloads.to_csv(header, rows),
        units=file_units(selection.criterion, edge_length=selection.edge_length),
    )
