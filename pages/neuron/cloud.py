"""Vector clouds: all neurons of a head or of a component, one point per text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import TITLES
from obce_core.figures.cloud import bars, cloud_scatter
from obce_core.figures.units import file_units
from obce_core.formatting import amount, share
from obce_core.topology import Barcode
from pages._shared import background, cached, charts, downloads, layout, state

LARGEST = 4096
"""The largest number of points of a vector cloud: its minimum spanning tree needs all pairs."""

_VIEWS = {"pca": "PCA", "umap": "UMAP"}


def show(source: Analysis, layer: int, component: str, head: int | None, colour: Mapping[str, Any] | None) -> None:
    """Show a projection of a vector cloud, and the barcode in all dimensions."""
    selection = state.get()
    texts = source.texts.texts
    if source.meta["tokens"] == "all" or len(texts) > LARGEST:
        layout.note(
            f"A vector cloud is measured on at most {LARGEST:,} points, one per text. This analysis has one per token, "
            f"or more "
            "texts. Make an analysis with [CLS] or the mean of tokens."
        )
        return
    where = (
        f"head {head} of layer {layer}, {TITLES[component]}"
        if head is not None
        else f"layer {layer}, {TITLES[component]}"
    )
    pca, deaths, dims = cached.vector_cloud(source.id, layer, component, head)
    unit = 2 if selection.edge_length else 1
    st.subheader(f"{len(texts):,} texts in {dims:,} dimensions: {where}", anchor=False)
    widest = float(deaths[-1]) if len(deaths) else 0.0
    layout.note(
        f"<b>{'2 r<sub>f</sub>' if unit == 2 else 'r<sub>f</sub>'} of the vector cloud: {amount(unit * widest)}</b> "
        f"({'edge length' if unit == 2 else 'radius'}). No disks are drawn, because in a projection they would touch "
        f"where the "
        "texts are far apart. The barcode uses distances in all dimensions."
    )
    choice = st.segmented_control(
        "Projection",
        list(_VIEWS),
        default=selection.projection or "pca",
        format_func=_VIEWS.__getitem__,
        label_visibility="collapsed",
        key=f"projection-{selection.projection or 'pca'}",
        required=True,
    )
    if choice != (selection.projection or "pca"):
        selection.projection = "umap" if choice == "umap" else ""
        st.rerun()
    name = f"cloud-layer{layer}-{component}" + (f"-head{head}" if head is not None else "")
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        if selection.projection == "umap":
            _umap(source, layer, component, head, colour, name)
        else:
            axes = tuple(f"PC {at + 1}, {share(part)} of the variance" for at, part in enumerate(pca.explained))
            _scatter(pca.points, texts, (axes[0], axes[1]), colour, f"{name}-pca")
            layout.note(
                f"The two axes explain {share(sum(pca.explained))} of the variance; texts that look close may be far "
                f"apart."
            )
    with right:
        figure = bars(deaths, edge_length=selection.edge_length, mode=layout.mode())
        units = file_units(edge_length=selection.edge_length)
        charts.show(figure, key="cloud-bars", name=f"{name}-barcode", csv_text=lambda: diagram_csv(deaths), units=units)
        layout.note(
            f"One bar per text, in all {dims:,} dimensions; it ends when its component merges. The top bar never ends."
        )


def diagram_csv(deaths: np.ndarray) -> str:
    """Return a diagram as CSV in radii, the infinite bar last."""
    return downloads.to_csv(
        ["dim", "birth (radius)", "death (radius)"], [[0, *row] for row in Barcode(deaths=deaths).diagram().tolist()]
    )


def _scatter(
    points: np.ndarray, texts: tuple[str, ...], axes: tuple[str, str], colour: Mapping[str, Any] | None, name: str
) -> None:
    figure = cloud_scatter(points, texts, axes, colour, mode=layout.mode())
    rows = [[at, *pair, text] for at, (pair, text) in enumerate(zip(points.tolist(), texts, strict=True))]
    charts.show(
        figure, key=f"scatter-{name}", name=name, csv_text=lambda: downloads.to_csv(["text", "x", "y", "words"], rows)
    )


def _umap(
    source: Analysis, layer: int, component: str, head: int | None, colour: Mapping[str, Any] | None, name: str
) -> None:
    """Show the UMAP layout, or poll the background worker for it every second."""
    question = {"analysis": source.id, "layer": layer, "component": component, "head": head, "seed": 0}
    answer = background.ask("umap", question)
    if answer.state == "done":
        points = np.asarray(answer.value["points"])
        _scatter(points, source.texts.texts, ("UMAP 1", "UMAP 2"), colour, f"{name}-umap")
        near = answer.value["neighbours"]
        layout.note(
            f"UMAP with {near} neighbours, seed 0. It preserves neighbourhoods, not distances or the sizes of gaps."
        )
    elif answer.state == "failed":
        with st.container(height=460, border=True):
            st.text(answer.reason)
            st.button("Try again", key="umap-again")
    else:

        @st.fragment(run_every=1.0)
        def waiting() -> None:
            if background.ask("umap", question).state != "waiting":
                st.rerun()
            with st.container(height=460, border=True):
                st.text(
                    "Computing UMAP. The first time takes up to half a minute, because its code is loaded. PCA needs "
                    "no wait."
                )

        waiting()
