"""Lists of runs by state, and a description of one run in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.jobs.kinds import all_kinds
from obce_core.jobs.poll import run_status
from obce_core.jobs.registry import list_runs
from obce_core.jobs.run import Run
from obce_core.jobs.status import STATES, Status

GLYPHS = {"queued": "○", "running": "◐", "done": "●", "failed": "✕", "cancelled": "‖", "lost": "?"}


@dataclass(frozen=True)
class Listed:
    """A run with its state."""

    run: Run
    status: Status


def listing(most: int | None = None) -> list[Listed]:
    """List every run (or the newest `limit`) with its state, newest first, without reading specs and logs."""
    return [Listed(run, run_status(run)) for run in list_runs()[:most]]


def tally(rows: Sequence[Listed]) -> dict[str, int]:
    """Count runs by state, in the order of STATES; states without a run are left out."""
    counts = Counter(row.status.state for row in rows)
    return {state: counts[state] for state in STATES if counts[state]}


def state_words(state: str) -> str:
    """Write a state with its glyph: "● done"."""
    return f"{GLYPHS.get(state, '?')} {state}"


def kind_title(kind: str) -> str:
    """Return a kind of job for people; one that this version does not know is called by its name."""
    kinds = all_kinds()
    return kinds[kind].title if kind in kinds else kind


def about(spec: Mapping[str, Any]) -> str:
    """Say in a line what a run was asked for.

    >>> about({"kind": "analyze", "options": {"model": "demo", "n_texts": 150}})
    'demo, 150 texts'
    """
    options = spec.get("options") or {}
    if spec.get("kind") == "evaluate":
        return _evaluations(options.get("units") or [])
    if spec.get("kind") == "analyze":
        return f"{_name(options.get('model'))}, {options.get('n_texts', 150)} texts"
    if "plan" in options and isinstance(options["plan"], str):
        return f"plan {Path(options['plan']).name.removesuffix('.json').removesuffix('.plan')[:16]}"
    return _name(options.get("model")) if options.get("model") else ""


def _evaluations(units: Sequence[Mapping[str, Any]]) -> str:
    try:
        labels = list(dict.fromkeys(str(unit["variant"]["label"]) for unit in units))
        tasks = list(dict.fromkeys(str(unit["task"]) for unit in units))
        seeds = {unit["seed"] for unit in units}
    except (KeyError, TypeError):
        return "units that cannot be read"
    models = labels[0] if len(labels) == 1 else f"{len(labels)} models"
    names = ", ".join(tasks) if len(tasks) <= 4 else f"{len(tasks)} tasks"
    return f"{models} on {names}" + (f", {len(seeds)} seeds" if len(seeds) > 1 else "")


def _name(spec: object) -> str:
    return str(spec or "demo").rstrip("/").rsplit("/", 1)[-1]
