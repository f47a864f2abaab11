"""Artefacts read once: the only file with caches. Keys are ids and digests, never objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from obce_core.analysis import Analysis, read_analysis
from obce_core.figures.cellmap import cell_map
from obce_core.plan import Budget, Intent, Plan, count, preset, resolve


@st.cache_resource(max_entries=8, show_spinner=False)
def analysis(analysis_id: str) -> Analysis:
    """Open an analysis of the cache."""
    return read_analysis(analysis_id)


@st.cache_data(max_entries=64, show_spinner=False)
def importance_map(analysis_id: str, criterion: str, aggregate: str) -> dict[str, Any]:
    """Make the data of the cell map."""
    return cell_map(analysis(analysis_id), criterion, aggregate)


@st.cache_data(max_entries=64, show_spinner=False)
def outputs(analysis_id: str, layer: int, component: str) -> np.ndarray:
    """Read the cloud of every neuron of a cell, shape (texts, neurons)."""
    return analysis(analysis_id).outputs(layer, component)


@st.cache_resource(max_entries=256, show_spinner=False)
def _resolved(analysis_id: str, key: str, _intent: Intent) -> tuple[Plan, Budget]:
    source = analysis(analysis_id)
    plan = resolve(source, _intent)
    return plan, count(source, plan)


def resolved(analysis_id: str, intent: Intent) -> tuple[Plan, Budget]:
    """Carry out an intent and count it; raises PlanError."""
    from obce_core.plan import intent_document
    from obce_core.store import digest

    return _resolved(analysis_id, digest(intent_document(intent)), intent)


def paper(analysis_id: str) -> tuple[Plan, Budget, tuple[str, ...]]:
    """Return the paper's plan carried to this model, its size, and what it says of itself."""
    source = analysis(analysis_id)
    names = {12: "paper-bert-base", 24: "paper-bert-large"}
    intent, notes = preset(names.get(source.shape.layers, "paper-scaled"), source, Intent())
    return (*resolved(analysis_id, intent), notes)
