"""The downloads and commands of the Plan page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

import streamlit as st

from obce_core.analysis.analysis import Analysis
from obce_core.components import CUTTABLE
from obce_core.compression.result import Fidelity
from obce_core.figures.widgets.plan_grid.data import Closeness
from obce_core.plan import (
    Budget,
    Plan,
    render,
)
from obce_core.plan.plan_file import fits_yaml
from obce_core.plan.serialize import plan_commands, render_prune_spec
from pages._shared import downloads, layout


def take_away(source: Analysis, plan: Plan, close: Mapping[tuple[int, str], Closeness], whole: Fidelity | None) -> None:
    """Offer the plan as files, the table behind the grid, and the equivalent commands."""
    st.subheader("Download", anchor=False)
    yaml = fits_yaml(plan)
    with st.container(horizontal=True, gap="small"):
        st.download_button("plan.json", lambda: render(plan), "plan.json", "application/json", on_click="ignore")
        st.download_button(
            "plan.yaml",
            lambda: render(plan, yaml=True),
            "plan.yaml",
            "application/yaml",
            on_click="ignore",
            disabled=not yaml,
            help=None if yaml else "Too many neurons for a YAML plan (256 kB): use the JSON file",
        )
        st.download_button(
            "intent.json",
            lambda: render_prune_spec(plan.prune_spec),
            "intent.json",
            "application/json",
            on_click="ignore",
        )
        st.download_button(
            "cells.csv", lambda: cells_csv(source, plan, close), "cells.csv", "text/csv", on_click="ignore"
        )
    st.code(plan_commands(source.id, plan.prune_spec), language="bash", wrap_lines=True)
    layout.note(
        "plan.json contains the prune spec and every kept neuron; intent.json contains the prune spec only, with all "
        "options, "
        "for this or another analysis of the same kind of model; cells.csv contains the grid."
    )


def sizes_csv(budget: Budget | None, paper: Budget | None) -> str:
    """Return the numbers behind the bars as CSV."""
    named = [("this plan", budget), ("the paper's plan", paper)]
    rows = [[name, *asdict(size).values()] for name, size in named if size is not None]
    return downloads.to_csv(["plan", *(field.name for field in fields(Budget))], rows)


def cells_csv(source: Analysis, plan: Plan, close: Mapping[tuple[int, str], Closeness]) -> str:
    """Return the grid as CSV."""
    header = ["layer", "component", "percentile", "neurons", "kept", "cosine_mean_pooled_alone"]
    rows = []
    for layer in range(1, source.shape.layers + 1):
        for name in CUTTABLE:
            known, width = close.get((layer, name), Closeness()), source.width(layer, name)
            cosine = "" if known.cosine is None or known.old else known.cosine
            rows.append(
                (layer, name, plan.prune_spec.percentile(layer, name), width, width - plan.cut(layer, name), cosine)
            )
    return downloads.to_csv(header, rows)
