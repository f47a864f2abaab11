"""The selected cell: its distribution, its neurons by head or rank, how reliable they are, and the table of neurons."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.compare import CellComparison, find_sibling
from obce_core.analysis.ranking import MANY, NEAR_RULE, near_zero
from obce_core.components import HEADED, LOCKED, TITLES
from obce_core.criteria import CRITERIA, criterion
from obce_core.errors import ObceError, PlanError
from obce_core.figures.neuron_table import neuron_table
from obce_core.figures.units import factor, file_units, header, title
from obce_core.figures.widgets.cell_map.data import written
from obce_core.figures.widgets.cell_view.data import cell_view
from obce_core.figures.widgets.cell_view.export import both, distribution, rank_curve, strip
from obce_core.formatting import count, share
from obce_core.plan import PruneSpec
from obce_core.storage.digests import digest
from pages._shared import cached, downloads, drafts, layout, mounts, nav, state


def panel(source: Analysis, other: Analysis | None = None, rows: Sequence[CellComparison] = ()) -> None:
    """Draw the selected cell: its distribution, its neurons by head or rank, and how reliable the ranks are."""
    selection, mode = state.get(), layout.mode()
    layer, component, name = selection.layer, selection.component, selection.criterion
    st.subheader(f"Layer {layer} · {TITLES[component]}", anchor=False)
    if rows:
        _numbers(rows)
    if source.degenerate(layer, component, name):
        message = (
            "Every text gives the same value here"
            if source.width(layer, component)
            else "An earlier cut left no neuron here"
        )
        layout.note(f"{message}, so there is nothing to rank. Choose another cell.")
        return
    prune_spec = drafts.current(source.id)
    scores, neurons = source.scores(layer, component, name), source.neurons(layer, component)
    plan_mask = _kept(source, prune_spec, layer, component)
    mask = plan_mask if plan_mask is not None else np.ones(len(scores), dtype=bool)
    percentile = prune_spec.percentile(layer, component) if prune_spec.criterion == name else 0
    view = cell_view(
        scores,
        mask,
        neurons,
        layer,
        component,
        head_size=source.shape.head_size,
        name=name,
        percentile=percentile,
        selected=selection.neuron,
        edge_length=selection.edge_length,
    )
    opened = mounts.cell_view(
        view,
        key="cell-view",
        view=selection.cell_view,
        on_view=_turn,
        signature=digest([source.id, name, selection.presentation, view])[:16],
    )
    if opened is not None:
        _open(opened)
    locked = " This component is locked: it is never cut." if component in LOCKED else ""
    close = near_zero(scores)
    trust = f" <b>{share(close, 0)} of these values lie near zero</b> ({NEAR_RULE})." if close >= MANY else ""
    stays = (
        f"<b>Solid</b>: kept; <b>hollow</b>: cut by the current plan, which keeps {count(int(mask.sum()))} of "
        f"{count(len(mask))}."
        if plan_mask is not None
        else "The current plan cannot be applied, so no neuron is drawn as cut."
    )
    layout.note(f"{stays}{locked}{trust} {_against(source, other, layer, component)}")

    def picture() -> Any:
        by, message = factor(name, edge_length=selection.edge_length), title(name, edge_length=selection.edge_length)
        above = distribution(by * scores, mask, component, title=message, mode=mode)
        headed = component in HEADED and selection.cell_view == "head"
        lower = (
            strip(by * scores, mask, component, source.shape.head_size, neurons, title=message, mode=mode)
            if headed
            else rank_curve(by * scores, mask, component, neurons, title=message, mode=mode)
        )
        return both(above, lower)

    def table() -> str:
        columns = neuron_table(source, layer, component, plan_mask, name=name)
        return downloads.to_csv(list(columns), zip(*(values.tolist() for values in columns.values()), strict=True))

    picture_unit, _ = file_units(name, edge_length=selection.edge_length)
    _, table_unit = file_units(edge_length=selection.edge_length)  # the table has r_f for every criterion
    downloads.row(f"layer{layer}-{component}-{name}", figure=picture, csv_text=table, units=(picture_unit, table_unit))


def neurons(source: Analysis) -> None:
    """List the neurons of the selected cell; a click opens one."""
    selection = state.get()
    layer, component, name = selection.layer, selection.component, selection.criterion
    if source.degenerate(layer, component, name):
        return
    st.subheader("Neurons of this cell", anchor=False)
    columns = neuron_table(
        source,
        layer,
        component,
        _kept(source, drafts.current(source.id), layer, component),
        name=name,
        edge_length=selection.edge_length,
    )
    number = st.column_config.NumberColumn
    formats = {
        named: number(format="%.3g")
        for named, values in columns.items()
        if getattr(values, "dtype", None) == np.float64
    }
    table = st.dataframe(
        columns,
        hide_index=True,
        width="stretch",
        height=300,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key=f"neurons-{source.id}-{layer}-{component}-{name}",
        column_config=formats
        | {
            "percentile in cell": st.column_config.ProgressColumn(
                format="%.0f", min_value=0, max_value=100, width="medium"
            )
        },
    )
    rows = [*table["selection"]["rows"], *(row for row, _ in table["selection"]["cells"])]
    if rows:
        _open(int(columns["neuron"][rows[0]]))
    left, right = st.columns([3, 1])
    with left:
        layout.note(
            "Click a row to open its neuron, or a column's title to sort. The search of the table finds a number."
        )
    right.download_button(
        "All neurons (CSV)",
        lambda: source.importance.rename(columns={name: header(name) for name in CRITERIA}).to_csv(index=False),
        f"importance-{source.id[:8]}-radius.csv",
        "text/csv",
        key="csv-all-neurons",
        type="tertiary",
        on_click="ignore",
    )


def _numbers(rows: Sequence[CellComparison]) -> None:
    """Show the numbers of the selected cell in a comparison."""
    selection = state.get()
    row = next(r for r in rows if (r.layer, r.component) == (selection.layer, selection.component))
    if row.first is None or row.second is None or row.jaccard is None:
        layout.note(f"This cell cannot be compared: {escape(row.reason)}.")
        return
    by = factor(selection.criterion, edge_length=selection.edge_length) if selection.aggregate != "share under" else 1.0
    layout.facts(
        [
            ("A", written(by * row.first, selection.aggregate), "", selection.aggregate),
            ("B", written(by * row.second, selection.aggregate), "", selection.aggregate),
            ("Spearman", "–" if row.spearman is None else f"{row.spearman:.2f}", "", "of the neurons"),
            ("Jaccard at P50", f"{row.jaccard:.2f}", "", f"chance {row.chance:.2f}"),
        ]
    )


def _against(source: Analysis, other: Analysis | None, layer: int, component: str) -> str:
    """Return a sentence on how similarly another set of texts ranks this cell's neurons."""
    name = state.get().criterion
    sibling = find_sibling(source, [entry for entry in cached.saved() if other is None or entry.id == other.id])
    if sibling is None:
        missing = (
            "Agreement of the ranks with another set of texts: not measured (analyse other texts or another seed)."
        )
        return missing if other is None else ""
    try:
        row, spread = (cached.compared_cell(source.id, sibling.id, by, layer, component) for by in (name, "std"))
    except ObceError:  # the other analysis is damaged; its own page shows the error
        return ""
    if row.spearman is None:
        return ""
    here, there = source.meta["texts"], sibling.meta["texts"]
    sets = (
        f"two sets of {here['n']:,} texts"
        if here["n"] == there["n"]
        else f"sets of {here['n']:,} and {there['n']:,} texts"
    )
    also = f", {spread.spearman:.2f} for std" if name != "std" and spread.spearman is not None else ""
    criterion_title = criterion(name).title.replace("r_f", "r<sub>f</sub>")
    seeds = f"seeds {here['seed']} and {there['seed']}"
    return f"Ranks by {criterion_title}: Spearman {row.spearman:.2f} between {sets} ({seeds}){also}."


def _kept(source: Analysis, prune_spec: PruneSpec, layer: int, component: str) -> np.ndarray | None:
    """Return the mask of a cell's neurons that the current plan keeps, shape (neurons,), or None."""
    try:
        plan, _ = cached.resolved(source.id, prune_spec)
    except PlanError:  # an impossible draft is explained on the Plan page
        return None
    return plan.mask(layer, component, source.shape)[source.neurons(layer, component)]


def _open(neuron: int) -> None:
    state.get().neuron = neuron
    nav.go("neuron")


def _turn(view: str) -> None:
    state.get().cell_view = view
