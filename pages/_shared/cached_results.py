"""Caches of evaluations: the leaderboard, its parts, sweeps, run descriptions. Keys are ids and stamps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from obce_core.errors import BadInput
from obce_core.glue.estimate import Line, lay_out, lay_out_unread
from obce_core.glue.evaluation import Evaluation, evaluations_home, read_evaluation
from obce_core.glue.examples import Examples, read_examples
from obce_core.glue.leaderboard import Row, TaskResult, compare_rows, leaderboard_rows
from obce_core.glue.leaderboard_join import join
from obce_core.glue.sweep import Sweep, read_sweep
from obce_core.jobs import find_run
from obce_core.jobs.listing import about, kind_title
from obce_core.storage.staging import MANIFEST, is_complete

Stamped = tuple[tuple[str, int], ...]
"""Evaluations by id, each with the time at which its manifest was written; the time changes with a replacement."""


def evaluations() -> list[Evaluation]:
    """List the complete evaluations, newest first; a folder is read once, and again after it was replaced."""
    home = evaluations_home()
    complete = []
    try:
        with os.scandir(home) as entries:
            folders = [
                (_stamp(Path(entry.path)), entry.name) for entry in entries if entry.name[0] != "." and entry.is_dir()
            ]
    except OSError:
        return []
    for changed, name in sorted(folders, reverse=True):
        one = _evaluation(str(home), name, changed)
        if one is not None:
            complete.append(one)
    return complete


@st.cache_resource(max_entries=20_000, show_spinner=False)
def _evaluation(home: str, name: str, _changed: int) -> Evaluation | None:
    folder = Path(home) / name
    try:
        return read_evaluation(folder) if is_complete(folder) else None
    except BadInput:
        return None


def stamped(made: Iterable[Evaluation]) -> Stamped:
    """Return the cache key of evaluations for `leaderboard`."""
    return tuple(sorted((one.id, _stamp(one.folder)) for one in made))


def _stamp(folder: Path) -> int:
    try:
        return (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=32, show_spinner=False)
def leaderboard(made: Stamped, home: str) -> list[Row]:
    """Build the leaderboard task by task: the bootstrap takes a second and runs only for tasks with new evaluations."""
    tasks: dict[str, list[tuple[str, int]]] = {}
    for name, changed in made:
        tasks.setdefault(read_evaluation(Path(home) / name).task.name, []).append((name, changed))
    return join(_board(tuple(own), home) for own in tasks.values())


@st.cache_resource(max_entries=256, show_spinner=False)
def _board(made: Stamped, home: str) -> list[Row]:
    return leaderboard_rows([read_evaluation(Path(home) / name) for name, _ in made])


@st.cache_resource(max_entries=256, show_spinner=False)
def row_against(made: Stamped, home: str, ours: str, other: str) -> dict[str, TaskResult]:
    """Compare two rows of a leaderboard, given by their keys."""
    rows = {row.key: row for row in leaderboard(made, home)}
    return compare_rows(rows[ours], rows[other])


@st.cache_resource(max_entries=12, show_spinner=False)
def examples(task: str, split: str, folder: str | None, changed: tuple[int, int]) -> Examples:
    """Read a split's examples once."""
    return read_examples(task, split, glue_dir=folder)


@st.cache_resource(max_entries=2, show_spinner=False)
def _inputs(changed: tuple[tuple[int, int], ...]) -> dict[Any, Any]:
    return {}


@st.cache_resource(max_entries=16, show_spinner=False)
def sweep(key: str, changed: tuple[tuple[int, int], ...], _document: Mapping[str, Any]) -> Sweep:
    """Read a sweep and make its plans; `key` is its digest, `changed` the stamps of the plan files that it names."""
    return read_sweep(_document)


@st.cache_resource(max_entries=16, show_spinner=False)
def laid_out(
    key: str, changed: tuple[tuple[int, int], ...], folder: str | None, _document: Mapping[str, Any]
) -> tuple[list[Line], list[str]]:
    """Read and check the inputs of a sweep and list its evaluations.

    `changed` also holds the stamps of the tasks' files and of the models. Inputs are cached between calls and read
    again after a file has changed. Without a folder the hub is not contacted, and the official counts are used.
    """
    cache = _inputs(changed)
    if folder is None:
        return lay_out_unread(sweep(key, changed, _document).units, evaluations(), cache=cache)
    return lay_out(sweep(key, changed, _document).units, glue_dir=folder, cache=cache)


@st.cache_data(max_entries=5_000, show_spinner=False)
def run_about(run_id: str, home: str) -> tuple[str, str, float]:
    """Return a run's kind, its description and its creation time, none of which ever change."""
    spec = find_run(run_id).spec
    return kind_title(str(spec["kind"])), about(spec), float(spec["created"])
