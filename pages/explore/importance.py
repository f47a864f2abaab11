"""Which cells and neurons matter: the map, one cell's distribution, its neurons."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from obce_core.components import COMPONENTS, LOCKED, TITLES
from obce_core.criteria import CRITERIA, criterion
from obce_core.figures.cellmap import AGGREGATES, summarize
from obce_core.figures.distribution import distribution, strip
from obce_core.figures.numbers import amount, count
from pages._ui import cached, components, downloads, drafts, frame, guards, nav, state

chosen = state.get()
source = guards.need_analysis()
mode = frame.mode()


def _lead() -> str:
    """Say in one sentence where the chosen criterion is large and where it is small."""
    cells = {
        (layer, c): summarize(source.scores(layer, c, chosen.criterion), chosen.aggregate)
        for layer in range(1, source.shape.layers + 1)
        for c in COMPONENTS
        if c not in LOCKED and not source.degenerate(layer, c, chosen.criterion)
    }
    if not cells:
        return "Every text gives the same value everywhere: this criterion has nothing to tell here."
    low, high = min(cells, key=lambda cell: cells[cell]), max(cells, key=lambda cell: cells[cell])
    title = criterion(chosen.criterion).title.replace("r_f", "r<sub>f</sub>")
    return (
        f"{title} is {criterion(chosen.criterion).definition.split(':')[0].split(' (')[0]}. Of the cells that can be cut, layer "
        f"{high[0]} {TITLES[high[1]].lower()} has the largest {chosen.aggregate} ({amount(cells[high], 2)}), layer {low[0]} "
        f"{TITLES[low[1]].lower()} the smallest ({amount(cells[low], 2)})."
    )


def _kept(layer: int, component: str) -> np.ndarray:
    """Return which neurons of a cell the plan under edit keeps (all, when it cannot be carried out)."""
    try:
        plan, _ = cached.resolved(source.id, drafts.current(source.id))
    except Exception:  # an impossible draft is explained on the Plan page
        return np.ones(source.width(layer, component), dtype=bool)
    return plan.mask(layer, component, source.shape)[source.neurons(layer, component)]


def _table(layer: int, component: str, scores: np.ndarray, kept: np.ndarray) -> list[dict[str, Any]]:
    cell, neurons = source.cell(layer, component), source.neurons(layer, component)
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return [
        {
            "neuron": int(neurons[n]),
            "head": source.shape.head_of(component, int(neurons[n])),
            criterion(chosen.criterion).title: float(scores[n]),
            "percentile in cell": float(100 * (1 - rank[n] / len(order))),
            "std": float(cell["std"][n]),
            "mean": float(cell["mean"][n]),
            "std all tokens": float(cell["std_all"][n]),
            "plan": "kept" if kept[n] else "cut",
        }
        for n in order
    ]


def _body() -> None:
    pick = st.columns([1.2, 1.2, 3])
    names = list(CRITERIA)
    chosen.criterion = pick[0].selectbox(
        "Criterion", names, names.index(chosen.criterion), format_func=lambda name: CRITERIA[name].title, key="criterion"
    )
    chosen.aggregate = pick[1].selectbox("Number in a cell", AGGREGATES, AGGREGATES.index(chosen.aggregate), key="aggregate")
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        data = cached.importance_map(source.id, chosen.criterion, chosen.aggregate)
        components.cell_map(
            data, key=f"map-{source.id}-{chosen.criterion}-{chosen.aggregate}", selected=(chosen.layer, chosen.component),
            on_select=state.select_cell,
        )  # fmt: skip
        frame.note(
            "Click a cell, or move with the arrows. <b>Locked</b>: attention output and output feed a residual sum, so they are "
            "shown but never cut. <b>All equal</b>: every text gives the same value, so no ranking means anything (on [CLS], layer 1 "
            "sees the same token at the same place in every text)."
        )
        header = ["layer", "component", chosen.aggregate]
        rows = [[cell["layer"], cell["component"], cell.get("text", "all equal")] for cell in data["cells"]]
        downloads.row(f"map-{chosen.criterion}", csv_text=downloads.to_csv(header, rows))
    layer, component = chosen.layer, chosen.component
    scores = source.scores(layer, component, chosen.criterion)
    kept = _kept(layer, component)
    with right:
        st.subheader(f"Layer {layer} · {TITLES[component]}", anchor=False)
        if source.degenerate(layer, component, chosen.criterion):
            told = "Every text gives the same value here" if source.width(layer, component) else "An earlier cut left no neuron here"
            frame.note(f"{told}: there is nothing to rank. Choose another cell.")
            return
        head_size = source.shape.head_size if component in COMPONENTS[:3] else 0
        figure = distribution(scores, kept, component, name=chosen.criterion, mode=mode)
        st.plotly_chart(figure, theme=None, config={"displayModeBar": False}, key="histogram")
        by_head = strip(scores, kept, component, head_size, source.neurons(layer, component), name=chosen.criterion, mode=mode)
        st.plotly_chart(by_head, theme=None, config={"displayModeBar": False}, key="strip")
        locked = " This component is locked: it is never cut." if component in LOCKED else ""
        near = float(np.mean(scores < 0.01 * np.quantile(scores, 0.99)))
        frame.note(
            f"<b>Solid</b> is kept, <b>hollow</b> is cut by the plan under edit: {count(int(kept.sum()))} of {count(len(kept))} "
            f"stay.{locked}"
            + (
                f" {near:.0%} of these neurons lie near zero (under 1 % of the largest): cutting by it means little there."
                if near > 0.2
                else ""
            )
        )
    st.subheader("Neurons of this cell", anchor=False)
    rows_ = _table(layer, component, scores, kept)
    title = criterion(chosen.criterion).title
    number = st.column_config.NumberColumn
    table = st.dataframe(
        rows_,
        hide_index=True,
        width="stretch",
        height=300,
        on_select="rerun",
        selection_mode="single-row",
        key=f"neurons-{source.id}-{layer}-{component}-{chosen.criterion}",
        column_config={
            title: number(format="%.3g"),
            "percentile in cell": st.column_config.ProgressColumn(format="%.0f", min_value=0, max_value=100),
            "std": number(format="%.3g"),
            "mean": number(format="%.3g"),
            "std all tokens": number(format="%.3g"),
        },
    )
    picked = table["selection"]["rows"]
    if picked:
        chosen.neuron = rows_[picked[0]]["neuron"]
        nav.go("neuron")
    frame.note("Tick a row to open its neuron.")
    with st.expander("How to read this"):
        st.markdown(
            "**r_f** is half of the widest gap between a neuron's outputs over the texts: grow a disk of radius r around each "
            "output, and at r_f all disks are one piece (zero-dimensional persistent homology, arXiv 2312.10702). A radius: the edge "
            "length that gudhi and ripser report is twice as long.\n\n**Limits.** One widest gap is set by one or two extreme texts, "
            "so ranks by r_f change from sample to sample more than ranks by std; compare both before you cut. Cells are "
            "comparable in their own layer and component only, which is why percentiles are taken there."
        )


with guards.caught():
    frame.title("Importance", _lead())
    _body()
