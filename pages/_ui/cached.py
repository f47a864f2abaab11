"""Artefacts read once: the only file with caches. Keys are ids and digests, never objects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from obce_core import settings
from obce_core.analysis import Analysis, Saved, list_saved, read_analysis
from obce_core.comparison import CellComparison, compare, differences
from obce_core.errors import ObceError
from obce_core.figures.cellmap import cell_map
from obce_core.models import Preview, preview_model
from obce_core.plan import Budget, Intent, Plan, count, preset, resolve
from obce_core.texts import Texts, load_texts, text_columns


@st.cache_resource(max_entries=8, show_spinner=False)
def analysis(analysis_id: str) -> Analysis:
    """Open an analysis of the cache."""
    return read_analysis(analysis_id)


@st.cache_data(max_entries=64, show_spinner=False)
def importance_map(analysis_id: str, criterion: str, aggregate: str, **chosen: Any) -> dict[str, Any]:
    """Make the data of the cell map."""
    return cell_map(analysis(analysis_id), criterion, aggregate, **chosen)


@st.cache_resource(max_entries=64, show_spinner=False)
def compared(first: str, second: str, criterion: str, aggregate: str, below: float) -> list[CellComparison]:
    """Compare two analyses cell by cell; raises AnalysisError."""
    return compare(analysis(first), analysis(second), criterion, aggregate=aggregate, below=below)


def compared_cell(first: str, second: str, criterion: str, layer: int, component: str) -> CellComparison:
    """Compare one cell of two analyses; raises AnalysisError."""
    rows = compared(first, second, criterion, "median", 0.0)
    return next(row for row in rows if (row.layer, row.component) == (layer, component))


@st.cache_resource(max_entries=32, show_spinner=False)
def told_apart(first: str, second: str) -> list[str]:
    """Say what differs between two analyses."""
    return differences(analysis(first), analysis(second))


def saved() -> list[Saved]:
    """List the saved analyses; the disk is read when the folder changed."""
    home = settings.cache_dir() / "analyses"
    try:
        with os.scandir(home) as entries:
            stamp = tuple(sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries))
    except OSError:
        stamp = ()
    return _saved(str(home), stamp)


@st.cache_resource(max_entries=2, show_spinner=False)
def _saved(_home: str, stamp: tuple[tuple[str, int], ...]) -> list[Saved]:
    return list_saved()


def stamp(path: str) -> tuple[int, int]:
    """Tell one state of a file or folder from another; (0, 0) for what is not there."""
    try:
        told = Path(path).expanduser().stat()
    except (OSError, RuntimeError, ValueError):
        return 0, 0
    return told.st_mtime_ns, told.st_size


@st.cache_resource(max_entries=32, ttl=300, show_spinner=False)
def model(spec: str, revision: str | None, changed: tuple[int, int]) -> Preview | ObceError:
    """Look at a model once; what is wrong with it is remembered too, so that a hub that is away is asked once in five minutes."""
    try:
        return preview_model(spec, revision=revision)
    except ObceError as error:
        return error


@st.cache_resource(max_entries=16, ttl=3600, show_spinner=False)
def texts(spec: str, n: int, seed: int, changed: tuple[int, int], **options: Any) -> Texts | ObceError:
    """Draw a sample once."""
    try:
        return load_texts(spec, n=n, seed=seed, **options)
    except ObceError as error:
        return error


@st.cache_data(max_entries=32, show_spinner=False)
def columns(path: str, changed: tuple[int, int]) -> tuple[tuple[str, ...], str | None]:
    """Read which columns a table has."""
    return text_columns(path)


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
