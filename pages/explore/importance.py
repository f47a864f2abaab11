"""Which cells and neurons matter: the map or its lines, one cell's distribution, its neurons, and another analysis beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis import Analysis, Saved
from obce_core.comparison import CellComparison, find_sibling
from obce_core.components import COMPONENTS, LOCKED, TITLES
from obce_core.criteria import CRITERIA, criterion
from obce_core.errors import ObceError
from obce_core.figures.cellmap import AGGREGATES, SCALES, extremes, written
from obce_core.figures.cellview import cell_view
from obce_core.figures.differencemap import NUMBERS, difference_map
from obce_core.figures.distribution import both, distribution, rank_curve, strip
from obce_core.figures.lines import lines
from obce_core.figures.mapfigure import map_figure
from obce_core.figures.neurontable import neuron_table
from obce_core.figures.numbers import amount, count
from obce_core.figures.units import factor, title
from obce_core.plan import Intent
from obce_core.ranking import MANY, near_zero
from obce_core.store import digest
from pages._ui import cached, charts, components, downloads, drafts, frame, guards, nav, state

chosen = state.get()
source = guards.need_analysis()
mode = frame.mode()


def _keep(field: str, key: str) -> None:
    """Write a widget's value back into the state; an emptied choice leaves it as it was."""
    value = st.session_state[key]
    if value is not None:
        setattr(chosen, field, value)


def _choice(field: str, label: str, options: Mapping[str, str], *, segmented: bool = False) -> None:
    """Draw a choice whose value lives in the state."""
    key, names = f"importance-{field}", list(options)
    given: dict[str, Any] = {"format_func": lambda name: options.get(name, name), "key": key, "on_change": _keep, "args": (field, key)}
    if segmented:
        st.segmented_control(label, names, default=getattr(chosen, field), **given)
    else:
        st.selectbox(label, names, names.index(getattr(chosen, field)), **given)


def _controls(others: list[Saved]) -> None:
    """Draw the row above the figure."""
    short = chosen.aggregate == "share under"
    columns = st.columns([1.15, 1.2, 1.0, 1.3, 1.15, 1.9] if short else [1.15, 1.3, 1.4, 1.15, 2.0], vertical_alignment="bottom")
    place = iter(columns)
    with next(place):
        _choice("view", "Figure", {"map": "Map", "lines": "Lines"}, segmented=True)
    with next(place):
        _choice("aggregate", "Number in a cell", {name: name for name in AGGREGATES})
    if short:
        with next(place):
            st.number_input(
                "Value", 0.0, None, chosen.below, step=chosen.below / 10 or 0.001, format="%.3g", key="importance-below",
                on_change=_keep, args=("below", "importance-below"),
            )  # fmt: skip
    with next(place):
        _choice("criterion", "Criterion", {name: row.title for name, row in CRITERIA.items()})
    with next(place):
        _choice("scale", "Colours" if chosen.view == "map" else "Scale", {name: name for name in SCALES}, segmented=True)
    with next(place):
        named = {"": "nothing"} | {entry.id: _name(entry) for entry in others}
        if chosen.compare not in named:
            chosen.compare = ""
        _choice("compare", "Compare with", named)


def _name(entry: Saved | Analysis) -> str:
    """Name an analysis in a word or two: its own name, else model, texts and seed."""
    if isinstance(entry, Saved) and entry.name:
        return entry.name
    told = entry.meta
    return f"{frame.short_name(told['model']['name'])[:26]} · {told['texts']['n']:,} · seed {told['texts']['seed']} · {entry.id[:6]}"


def _map_of(analysis: Analysis, limits: tuple[float, float] | None = None) -> dict[str, Any]:
    return cached.importance_map(
        analysis.id, chosen.criterion, chosen.aggregate, below=_below(), scale=chosen.scale, edge_length=chosen.edge_length, limits=limits
    )


def _below() -> float:
    """Return the value of the aggregate `share under`; it must not make a new map where it plays no part."""
    return chosen.below if chosen.aggregate == "share under" else 0.0


def _lead(data: Mapping[str, Any]) -> str:
    """Say in one sentence where the chosen criterion is large and where it is small."""
    found = extremes(data)
    if found is None:
        return "Every text gives the same value everywhere: this criterion has nothing to tell here."
    low, high = found
    told = title(chosen.criterion, edge_length=chosen.edge_length).replace("r_f", "r<sub>f</sub>")
    what = criterion(chosen.criterion).definition.split(":")[0].split(" (")[0]
    if chosen.edge_length and chosen.criterion == "r_f":
        what = "the widest gap between the neuron's outputs"
    named = [f"layer {cell['layer']} {TITLES[cell['component']].lower()}" for cell in (high, low)]
    of = f"{chosen.aggregate} {amount(chosen.below)}" if chosen.aggregate == "share under" else chosen.aggregate
    return (
        f"{told} is {what}. Of the cells that can be cut, {named[0]} has the largest {of} (<b>{high['text']}</b>), "
        f"{named[1]} the smallest (<b>{low['text']}</b>)."
    )


def _banner(data: Mapping[str, Any]) -> None:
    """Warn of cells in which a percentile cuts among scores that do not differ."""
    near = [cell for cell in data["cells"] if cell.get("near") and not cell["locked"]]
    if near:
        named = [f"layer {cell['layer']} {TITLES[cell['component']].lower()}" for cell in near]
        more = f" and {len(named) - 6} more" if len(named) > 6 else ""
        told = title(chosen.criterion, edge_length=False)
        st.warning(
            f"In {', '.join(named[:6])}{more} a fifth or more of the neurons lie near zero: cutting by {told} means nothing there.",
            icon=":material/warning:",
        )


def _figure(data: Mapping[str, Any], which: str, heading: str, limits: tuple[float, float] | None = None) -> None:
    """Draw one analysis as a map or as lines, with its downloads."""
    cell = (chosen.layer, chosen.component)
    name = f"importance-{chosen.criterion}-{which}" if which else f"importance-{chosen.criterion}"
    if chosen.view == "lines":
        figure = lines(data, aggregate=chosen.aggregate, scale=chosen.scale, selected=cell, limits=limits, mode=mode)
        picked = charts.choose(figure, key=f"lines-{which}-{data['signature']}")
        if picked is not None and (int(picked[0]), str(picked[1])) != cell:
            state.select_cell(int(picked[0]), str(picked[1]))
            st.rerun()
        make: Any = figure
    else:
        components.cell_map({**data, "heading": heading}, key=f"map-{which}", selected=cell, on_select=state.select_cell)
        make = lambda: map_figure(data, heading=heading, mode=mode)  # noqa: E731
    header = ["layer", "component", chosen.aggregate, "note"]
    rows = [
        [c["layer"], c["component"], c.get("value", ""), c.get("equal") or ("near zero" if c.get("near") else "")] for c in data["cells"]
    ]
    downloads.row(name, figure=make, csv_text=lambda: downloads.to_csv(header, rows))


_HOW_MAP = (
    "Click a cell, or move with the arrows. <b>Padlock</b>: attention output and output feed a residual sum, so they are shown but "
    "never cut. <b>All equal</b>: every text gives the same value, so no ranking means anything (on [CLS], layer 1 sees the same "
    "token at the same place in every text)."
)
_HOW_LINES = (
    "The paper's Figure 6: one line a component. <b>Dotted</b>: attention output and output, which feed a residual sum and are never "
    "cut. A gap: every text gives the same value there. Click a point to see its cell."
)


def _kept(intent: Intent, layer: int, component: str) -> np.ndarray:
    """Return which neurons of a cell the plan under edit keeps (all, when it cannot be carried out)."""
    try:
        plan, _ = cached.resolved(source.id, intent)
    except Exception:  # an impossible draft is explained on the Plan page
        return np.ones(source.width(layer, component), dtype=bool)
    return plan.mask(layer, component, source.shape)[source.neurons(layer, component)]


def _open(neuron: int) -> None:
    chosen.neuron = neuron
    nav.go("neuron")


def _turn(view: str) -> None:
    chosen.cell_view = view


def _cell(other: Analysis | None, rows: Sequence[CellComparison] = ()) -> None:
    """Draw the selected cell: its distribution, its neurons by head or rank, and what may be trusted of it."""
    layer, component, name = chosen.layer, chosen.component, chosen.criterion
    st.subheader(f"Layer {layer} · {TITLES[component]}", anchor=False)
    if rows:
        _numbers(rows)
    if source.degenerate(layer, component, name):
        told = "Every text gives the same value here" if source.width(layer, component) else "An earlier cut left no neuron here"
        frame.note(f"{told}: there is nothing to rank. Choose another cell.")
        return
    intent = drafts.current(source.id)
    scores, neurons = source.scores(layer, component, name), source.neurons(layer, component)
    kept, percentile = _kept(intent, layer, component), intent.percentile(layer, component) if intent.criterion == name else 0
    view = cell_view(
        scores, kept, neurons, layer, component, head_size=source.shape.head_size, name=name, percentile=percentile,
        selected=chosen.neuron, edge_length=chosen.edge_length,
    )  # fmt: skip
    opened = components.cell_view(
        view, key="cell-view", view=chosen.cell_view, on_view=_turn,
        signature=digest([source.id, name, chosen.presentation, view])[:16],
    )  # fmt: skip
    if opened is not None:
        _open(opened)
    locked = " This component is locked: it is never cut." if component in LOCKED else ""
    close = near_zero(scores)
    trust = (
        f" <b>{close:.0%} of these neurons lie near zero</b> (under 1 % of the largest): cutting by it means nothing here."
        if close >= MANY
        else ""
    )
    frame.note(
        f"<b>Solid</b> is kept, <b>hollow</b> is cut by the plan under edit: {count(int(kept.sum()))} of {count(len(kept))} stay."
        f"{locked}{trust} {_against(other, layer, component)}"
    )

    def picture() -> Any:
        by = factor(name, edge_length=chosen.edge_length)
        above = distribution(by * scores, kept, component, name=name, mode=mode)
        headed = component in COMPONENTS[:3] and chosen.cell_view == "head"
        lower = (
            strip(by * scores, kept, component, source.shape.head_size, neurons, name=name, mode=mode)
            if headed
            else rank_curve(by * scores, kept, component, neurons, name=name, mode=mode)
        )
        return both(above, lower)

    def table() -> str:
        columns = neuron_table(source, layer, component, kept, name=name, edge_length=chosen.edge_length)
        return downloads.to_csv(list(columns), zip(*(values.tolist() for values in columns.values()), strict=True))

    downloads.row(f"layer{layer}-{component}-{name}", figure=picture, csv_text=table)


def _against(other: Analysis | None, layer: int, component: str) -> str:
    """Say how far another set of texts ranks this cell's neurons alike."""
    sibling = other
    if sibling is None:
        found = find_sibling(source, cached.saved())
        sibling = cached.analysis(found.id) if found is not None else None
    if sibling is None:
        return "How far another set of texts would rank them alike: not measured (analyse other texts or another seed)."
    row, spread = (
        next((r for r in cached.compared(source.id, sibling.id, name, "median", 0.0) if (r.layer, r.component) == (layer, component)), None)
        for name in (chosen.criterion, "std")
    )
    if row is None or row.spearman is None:
        return ""
    sizes = [source.meta["texts"]["n"], sibling.meta["texts"]["n"]]
    sets = f"two sets of {sizes[0]:,} texts" if sizes[0] == sizes[1] else f"sets of {sizes[0]:,} and {sizes[1]:,} texts"
    also = f", {spread.spearman:.2f} for std" if chosen.criterion != "std" and spread is not None and spread.spearman is not None else ""
    told = title(chosen.criterion, edge_length=False).replace("r_f", "r<sub>f</sub>")
    seeds = f"seeds {source.meta['texts']['seed']} and {sibling.meta['texts']['seed']}"
    return f"Ranks by {told}: Spearman {row.spearman:.2f} between {sets} ({seeds}){also}."


def _neurons() -> None:
    """List the neurons of the selected cell; a click opens one."""
    layer, component, name = chosen.layer, chosen.component, chosen.criterion
    if source.degenerate(layer, component, name):
        return
    st.subheader("Neurons of this cell", anchor=False)
    columns = neuron_table(
        source, layer, component, _kept(drafts.current(source.id), layer, component), name=name, edge_length=chosen.edge_length
    )
    number = st.column_config.NumberColumn
    told = {header: number(format="%.3g") for header, values in columns.items() if getattr(values, "dtype", None) == np.float64}
    table = st.dataframe(
        columns,
        hide_index=True,
        width="stretch",
        height=300,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key=f"neurons-{source.id}-{layer}-{component}-{name}",
        column_config=told
        | {"percentile in cell": st.column_config.ProgressColumn(format="%.0f", min_value=0, max_value=100, width="medium")},
    )
    rows = [*table["selection"]["rows"], *(row for row, _ in table["selection"]["cells"])]
    if rows:
        _open(int(columns["neuron"][rows[0]]))
    left, right = st.columns([3, 1])
    with left:
        frame.note("Click a row to open its neuron. Click a column's title to sort; the table's own search finds a number.")
    right.download_button(
        "All neurons (CSV)", lambda: source.importance.to_csv(index=False), f"importance-{source.id[:8]}.csv", "text/csv",
        key="csv-all-neurons", type="tertiary", on_click="ignore",
    )  # fmt: skip


def _alone() -> None:
    """One analysis: its figure left, the selected cell right."""
    data = _map_of(source)
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        _figure(data, "", "")
        frame.note(_HOW_LINES if chosen.view == "lines" else _HOW_MAP)
    with right:
        _cell(None)


def _compared(other: Analysis) -> list[CellComparison]:
    below = _below() / factor(chosen.criterion, edge_length=chosen.edge_length)
    return cached.compared(source.id, other.id, chosen.criterion, chosen.aggregate, below)


def _beside(other: Analysis) -> None:
    """Two analyses: both figures on one scale, then what differs, and the selected cell."""
    pair = (source, other)
    ends = [_map_of(analysis)["limits"] for analysis in pair]
    limits = (min(end[0] for end in ends), max(end[1] for end in ends))
    rows = _compared(other)
    for column, analysis, letter in zip(st.columns(2, gap="large"), pair, "AB", strict=True):
        with column:
            st.html(f'<p class="note plain"><b>{letter}</b> · {escape(_label(analysis))}</p>')
            _figure(_map_of(analysis, limits), letter, letter, limits)
    apart = cached.told_apart(source.id, other.id)
    frame.note(f"A and B have {escape('; '.join(apart)) if apart else 'the same inputs'}. Both figures share one scale.")
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        top = st.columns([1.2, 1.6], vertical_alignment="center")
        top[0].subheader("B against A", anchor=False)
        with top[1]:
            _choice("number", "Number", NUMBERS, segmented=True)
        by = factor(chosen.criterion, edge_length=chosen.edge_length) if chosen.aggregate != "share under" else 1.0
        data = difference_map(rows, number=chosen.number, aggregate=chosen.aggregate, scale=chosen.scale, by=by)
        components.cell_map(
            {**data, "heading": "B against A"}, key="map-difference", selected=(chosen.layer, chosen.component), on_select=state.select_cell
        )
        header = ["layer", "component", "A", "B", "spearman", "jaccard_p50", "jaccard_chance", "note"]
        listed = [[r.layer, r.component, r.first, r.second, r.spearman, r.jaccard, r.chance, r.reason] for r in rows]
        downloads.row(
            f"difference-{chosen.criterion}", figure=lambda: map_figure(data, heading="B against A", mode=mode),
            csv_text=lambda: downloads.to_csv(header, listed),
        )  # fmt: skip
        frame.note(
            "<b>Difference</b>: B minus A; brown is less, teal is more, the stronger the larger the ratio (or, with linear colours, the "
            "difference). <b>Spearman</b>: do both rank the neurons alike (1: yes, 0: not at all). <b>Jaccard</b>: how much of what P50 "
            "removes is the same; random halves share 0.33. A dashed cell cannot be compared."
        )
    with right:
        _cell(other, rows)


def _label(analysis: Analysis) -> str:
    """Name an analysis as its figure's heading."""
    mine = next((entry for entry in cached.saved() if entry.id == analysis.id), None)
    return _name(mine if mine is not None else analysis)


def _numbers(rows: Sequence[CellComparison]) -> None:
    """Say the selected cell's numbers of a comparison."""
    row = next(r for r in rows if (r.layer, r.component) == (chosen.layer, chosen.component))
    if row.first is None or row.second is None or row.jaccard is None:
        frame.note(f"This cell cannot be compared: {escape(row.reason)}.")
        return
    by = factor(chosen.criterion, edge_length=chosen.edge_length) if chosen.aggregate != "share under" else 1.0
    frame.facts(
        [
            ("A", written(by * row.first, chosen.aggregate), "", chosen.aggregate),
            ("B", written(by * row.second, chosen.aggregate), "", chosen.aggregate),
            ("Spearman", "–" if row.spearman is None else f"{row.spearman:.2f}", "", "of the neurons"),
            ("Jaccard at P50", f"{row.jaccard:.2f}", "", f"chance {row.chance:.2f}"),
        ]
    )


def _body() -> None:
    others = [entry for entry in cached.saved() if entry.id != source.id]
    data = _map_of(source)
    frame.title("Importance", _lead(data))
    _controls(others)
    _banner(data)
    if chosen.compare:
        try:
            other = cached.analysis(chosen.compare)
            _compared(other)
        except ObceError as error:
            guards.show_error(error)
            _alone()
        else:
            _beside(other)
    else:
        _alone()
    _neurons()
    with st.expander("How to read this"):
        st.markdown(
            "**r_f** is half of the widest gap between a neuron's outputs over the texts: grow a disk of radius r around each "
            "output, and at r_f all disks are one piece (zero-dimensional persistent homology, arXiv 2312.10702). A radius: the edge "
            "length that gudhi and ripser report is twice as long; the switch in the sidebar shows it.\n\n"
            "**Pxx** marks the percentile at or below which a plan removes neurons of this cell. **Hills** share one log axis over all "
            "cells. **Near zero** means below 1 % of the cell's 99th percentile.\n\n"
            "**Limits.** One widest gap is set by one or two extreme texts, so ranks by r_f change from sample to sample more than "
            "ranks by std; compare both, and two sets of texts, before you cut. Cells are comparable in their own layer and component "
            "only, which is why percentiles are taken there. [CLS] alone says little about what a neuron does at other tokens."
        )


with guards.caught():
    _body()
