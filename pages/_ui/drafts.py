"""The plan under edit: undo, redo, and a copy on disk after every edit, so that a reload loses nothing."""

from __future__ import annotations

from pathlib import Path

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.plan import Intent, intent_document, parse_document, parse_intent
from obce_core.store import check_name, write_json
from pages._ui import state

_LIMIT = 200


def current(analysis_id: str) -> Intent:
    """Return the intent under edit for an analysis."""
    chosen = state.get()
    if analysis_id not in chosen.intents:
        chosen.intents[analysis_id] = [_read(analysis_id)]
        chosen.places[analysis_id] = 0
    return chosen.intents[analysis_id][chosen.places[analysis_id]]


def edit(analysis_id: str, intent: Intent, *, from_grid: bool = False) -> None:
    """Put a new intent in place; what was undone is forgotten. The grid takes over unless the edit came from it."""
    chosen = state.get()
    if intent == current(analysis_id):
        return
    at = chosen.places[analysis_id]
    history = [*chosen.intents[analysis_id][: at + 1], intent][-_LIMIT:]
    chosen.intents[analysis_id], chosen.places[analysis_id] = history, len(history) - 1
    if not from_grid:
        chosen.revision += 1
    _write(analysis_id, intent)


def can(analysis_id: str, step: int) -> bool:
    """Say whether there is something to undo (-1) or redo (+1)."""
    current(analysis_id)
    chosen = state.get()
    return 0 <= chosen.places[analysis_id] + step < len(chosen.intents[analysis_id])


def move(analysis_id: str, step: int) -> None:
    """Undo (-1) or redo (+1)."""
    if can(analysis_id, step):
        chosen = state.get()
        chosen.places[analysis_id] += step
        chosen.revision += 1
        _write(analysis_id, current(analysis_id))


def _path(analysis_id: str) -> Path:
    return settings.cache_dir() / "plans" / f"{check_name(analysis_id)}.json"


def _read(analysis_id: str) -> Intent:
    try:
        path = _path(analysis_id)
        return parse_intent(parse_document(path.read_bytes(), path.name))
    except (OSError, ObceError):
        return Intent()


def _write(analysis_id: str, intent: Intent) -> None:
    write_json(_path(analysis_id), intent_document(intent))
