"""Caches of artefacts. Keys are ids and digests, never objects. `cached_results` holds those of evaluations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from obce_core import settings
from obce_core.analysis.analysis import Analysis, read_analysis
from obce_core.analysis.catalog import Saved, list_saved
from obce_core.analysis.compare import CellComparison, compare, differences
from obce_core.background.text_reading import read_columns, read_texts
from obce_core.compression.result import Fidelity
from obce_core.errors import ObceError
from obce_core.figures.widgets.cell_map.data import cell_map
from obce_core.jobs.startup import start_seconds
from obce_core.measure.preview import read_preview
from obce_core.models import RemotePreview, preview_model
from obce_core.plan import Budget, Plan, PruneSpec, count, preset, preset_for, resolve
from obce_core.plan.next_cuts import NextCut, next_cuts
from obce_core.plan.plan import of_layer
from obce_core.plan.storage import Version, list_versions, plans_home
from obce_core.storage.recent_failures import Failures
from obce_core.texts import Texts, heldout_of, load_texts
from obce_core.topology import Interval, Principal, barcode, bootstrap_r_f, most_isolated, principal, r_f_without


@st.cache_resource(max_entries=8, show_spinner=False)
def analysis(analysis_id: str) -> Analysis:
    """Open an analysis of the cache."""
    return read_analysis(analysis_id)


@st.cache_data(max_entries=64, show_spinner=False)
def importance_map(analysis_id: str, criterion: str, aggregate: str, **options: Any) -> dict[str, Any]:
    """Make the data of the cell map."""
    return cell_map(analysis(analysis_id), criterion, aggregate, **options)


@st.cache_resource(max_entries=64, show_spinner=False)
def compared(first: str, second: str, criterion: str, aggregate: str, below: float) -> list[CellComparison]:
    """Compare two analyses cell by cell; raises AnalysisError."""
    return compare(analysis(first), analysis(second), criterion, aggregate=aggregate, below=below)


def compared_cell(first: str, second: str, criterion: str, layer: int, component: str) -> CellComparison:
    """Compare one cell of two analyses; raises AnalysisError."""
    rows = compared(first, second, criterion, "median", 0.0)
    return next(row for row in rows if (row.layer, row.component) == (layer, component))


@st.cache_resource(max_entries=32, show_spinner=False)
def input_differences(first: str, second: str) -> list[str]:
    """List the inputs that differ between two analyses."""
    return differences(analysis(first), analysis(second))


def saved() -> list[Saved]:
    """List the saved analyses; the disk is read again after the folder has changed."""
    home = settings.cache_dir() / "analyses"
    try:
        with os.scandir(home) as entries:
            stamp = tuple(sorted((entry.name, entry.stat(follow_symlinks=False).st_mtime_ns) for entry in entries))
    except OSError:
        stamp = ()
    return _saved(str(home), stamp)


@st.cache_resource(max_entries=2, show_spinner=False)
def _saved(_home: str, stamp: tuple[tuple[str, int], ...]) -> list[Saved]:
    return list_saved()


def starts() -> dict[str, float]:
    """Return the start-up time in seconds by the id of a saved analysis; the runs are read again after ten seconds."""
    return _starts(tuple(entry.id for entry in saved()))


@st.cache_data(max_entries=2, ttl=10, show_spinner=False)
def _starts(_ids: tuple[str, ...]) -> dict[str, float]:
    return start_seconds(saved())


def stamp(path: str) -> tuple[int, int]:
    """Return the modification time and size of a file or folder; (0, 0) if it does not exist."""
    try:
        status = Path(path).expanduser().stat()
    except (OSError, RuntimeError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


def model(spec: str, revision: str | None, changed: tuple[int, ...]) -> RemotePreview:
    """Preview a model once; raises ObceError, which is cached for a short time because a later try may succeed."""
    return _failures().run(("model", spec, revision, changed), lambda: _model(spec, revision, changed))


@st.cache_resource(max_entries=32, ttl=300, show_spinner=False)
def _model(spec: str, revision: str | None, changed: tuple[int, ...]) -> RemotePreview:
    return preview_model(spec, revision=revision)


def texts(spec: str, n: int, seed: int, changed: tuple[int, ...], **options: Any) -> Texts:
    """Draw a sample once; raises ObceError, which is cached for a short time.

    `changed` holds the stamps of all files that are read.
    """
    key = ("texts", spec, n, seed, changed, *sorted(options.items()))
    return _failures().run(key, lambda: _texts(spec, n, seed, changed, **options))


@st.cache_resource(max_entries=16, ttl=3600, show_spinner=False)
def _texts(spec: str, n: int, seed: int, changed: tuple[int, ...], **options: Any) -> Texts:
    options |= {"heldout": heldout_of(options.get("heldout"))}
    if spec == "demo" and options["heldout"] in (None, "auto"):
        return load_texts(spec, n=n, seed=seed, **options)
    return read_texts(spec, n=n, seed=seed, **options)


@st.cache_resource(show_spinner=False)
def _failures() -> Failures:
    return Failures(ObceError)


def try_again() -> None:
    """Clear cached failures and model previews, so that the next run reads them again."""
    _failures().forget()
    _model.clear()


def columns(path: str, changed: tuple[int, int]) -> tuple[tuple[str, ...], str | None]:
    """Read the columns of a table in a separate process; raises TextsError, which is cached for a short time."""
    return _failures().run(("columns", path, changed), lambda: _columns(path, changed))


@st.cache_data(max_entries=32, show_spinner=False)
def _columns(path: str, changed: tuple[int, int]) -> tuple[tuple[str, ...], str | None]:
    return read_columns(path)


@st.cache_data(max_entries=64, show_spinner=False)
def outputs(analysis_id: str, layer: int, component: str) -> np.ndarray:
    """Read the cloud of every neuron of a cell, shape (texts, neurons)."""
    return analysis(analysis_id).outputs(layer, component)


@st.cache_data(max_entries=64, show_spinner=False)
def neuron(analysis_id: str, layer: int, component: str, neuron: int) -> np.ndarray:
    """Read the cloud of one neuron, shape (texts,)."""
    return analysis(analysis_id).neuron(layer, component, neuron)


@st.cache_data(max_entries=256, show_spinner=False)
def fragile(analysis_id: str, layer: int, component: str, neuron_index: int) -> tuple[int, float, Interval | None]:
    """Return a neuron's most isolated text, its r_f without that text, and the bootstrap interval of its r_f.

    The interval is None where the points are tokens, because tokens of one text are not independent.
    """
    source = analysis(analysis_id)
    values = neuron(analysis_id, layer, component, neuron_index)
    alone = most_isolated(values)
    return alone, r_f_without(values, alone), None if source.meta["tokens"] == "all" else bootstrap_r_f(values)


@st.cache_data(max_entries=16, show_spinner=False)
def vector_cloud(analysis_id: str, layer: int, component: str, head: int | None) -> tuple[Principal, np.ndarray, int]:
    """Return a vector cloud's first two principal components, the deaths of its barcode as radii, and its dimension."""
    points = analysis(analysis_id).cloud(layer, component, head)
    return principal(points), barcode(points).deaths, points.shape[1]


@st.cache_resource(max_entries=256, show_spinner=False)
def _resolved(analysis_id: str, key: str, _intent: PruneSpec) -> tuple[Plan, Budget]:
    source = analysis(analysis_id)
    plan = resolve(source, _intent)
    return plan, count(source, plan)


def resolved(analysis_id: str, prune_spec: PruneSpec) -> tuple[Plan, Budget]:
    """Resolve a prune spec to a plan and count its size; raises PlanError."""
    from obce_core.plan import prune_spec_document
    from obce_core.storage.digests import digest

    return _resolved(analysis_id, digest(prune_spec_document(prune_spec)), prune_spec)


@st.cache_resource(max_entries=512, show_spinner=False)
def _next_cuts(analysis_id: str, layer: int, key: str, linked: bool, _intent: PruneSpec) -> list[NextCut]:
    return next_cuts(analysis(analysis_id), _intent, linked=linked, layers=[layer])


def next_steps(analysis_id: str, prune_spec: PruneSpec, *, linked: bool) -> list[NextCut]:
    """List the next step of every cell; an edit recounts only the layers that it changes."""
    from obce_core.plan import prune_spec_document
    from obce_core.storage.digests import digest

    cuts = []
    for layer in range(1, analysis(analysis_id).shape.layers + 1):
        part = of_layer(prune_spec, layer)
        cuts += _next_cuts(analysis_id, layer, digest(prune_spec_document(part)), linked, part)
    return cuts


@st.cache_resource(show_spinner=False)
def _previews() -> dict[str, Fidelity]:
    return {}


def preview(key: str, stored: frozenset[str]) -> Fidelity | None:
    """Return the fidelity stored under a key, or None; `stored` holds the keys on disk, listed once a run."""
    previews = _previews()
    if key not in previews and key in stored and (stored_preview := read_preview(key)) is not None:
        previews[key] = stored_preview
    return previews.get(key)


def remember(key: str, fidelity: Fidelity) -> Fidelity:
    """Cache a fidelity under its key, and return it."""
    return _previews().setdefault(key, fidelity)


def versions(analysis_id: str) -> list[Version]:
    """List the named versions of an analysis's plan; the disk is read again after their folder has changed."""
    return _versions(analysis_id, stamp(str(plans_home(analysis_id) / "versions")))


@st.cache_resource(max_entries=32, show_spinner=False)
def _versions(analysis_id: str, changed: tuple[int, int]) -> list[Version]:
    return list_versions(analysis_id)


def paper(analysis_id: str) -> tuple[Plan, Budget, tuple[str, ...]]:
    """Return the paper's plan transferred to this model, its size and its notes."""
    source = analysis(analysis_id)
    prune_spec, notes = preset(preset_for(source.shape.layers).name, source, PruneSpec())
    return (*resolved(analysis_id, prune_spec), notes)
