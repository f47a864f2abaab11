"""The draft plan of each visitor, with undo and redo, and a copy on disk after every edit.

Two tabs on one analysis edit two drafts. The copy on disk is the newest one. A tab never overwrites a draft that it has
not read: the Plan page then asks which one to continue with.
"""

from __future__ import annotations

from obce_core import settings
from obce_core.plan import PruneSpec
from obce_core.plan.spec import clear_override, set_override
from obce_core.plan.storage import Draft, History, read_draft, read_history, write_draft
from pages._shared import state

_LIMIT = 200


def current(analysis_id: str) -> PruneSpec:
    """Return the draft prune spec of an analysis."""
    visitor = state.get()
    if analysis_id not in visitor.intents:
        draft = read_draft(analysis_id)
        history = read_history(analysis_id, draft.stamp)
        visitor.intents[analysis_id] = [*history.earlier, draft.prune_spec, *history.later]
        visitor.places[analysis_id] = len(history.earlier)
        visitor.stamps[analysis_id] = draft.stamp
        if history.version:
            visitor.versions.setdefault(analysis_id, history.version)
    return visitor.intents[analysis_id][visitor.places[analysis_id]]


def edit(analysis_id: str, prune_spec: PruneSpec, *, from_grid: bool = False) -> None:
    """Replace the draft and drop the undone steps. The grid is redrawn unless the edit came from it."""
    visitor = state.get()
    if prune_spec == current(analysis_id):
        return
    at = visitor.places[analysis_id]
    history = [*visitor.intents[analysis_id][: at + 1], prune_spec][-_LIMIT:]
    visitor.intents[analysis_id], visitor.places[analysis_id] = history, len(history) - 1
    visitor.messages = []
    if not from_grid:
        visitor.revision += 1
    _save(analysis_id)


def can(analysis_id: str, step: int) -> bool:
    """Return True if there is a step to undo (-1) or redo (+1)."""
    current(analysis_id)
    visitor = state.get()
    return 0 <= visitor.places[analysis_id] + step < len(visitor.intents[analysis_id])


def move(analysis_id: str, step: int) -> None:
    """Undo (-1) or redo (+1)."""
    if can(analysis_id, step):
        visitor = state.get()
        visitor.places[analysis_id] += step
        visitor.messages = []
        visitor.revision += 1
        _save(analysis_id)


def keep(analysis_id: str, layer: int, component: str, neuron: int, reason: str = "") -> None:
    """Keep a neuron regardless of its percentile; raises PlanError if that is not possible."""
    edit(analysis_id, set_override(current(analysis_id), "keep", layer, component, neuron, reason))


def drop(analysis_id: str, layer: int, component: str, neuron: int, reason: str = "") -> None:
    """Drop a neuron regardless of its percentile; raises PlanError if that is not possible."""
    edit(analysis_id, set_override(current(analysis_id), "drop", layer, component, neuron, reason))


def release(analysis_id: str, layer: int, component: str, neuron: int) -> None:
    """Remove the manual override of a neuron."""
    edit(analysis_id, clear_override(current(analysis_id), layer, component, neuron))


def came_from(analysis_id: str, version_id: str) -> None:
    """Record the version that the draft was opened from or saved as."""
    current(analysis_id)
    state.get().versions[analysis_id] = version_id
    _write(analysis_id)


def theirs(analysis_id: str) -> Draft | None:
    """Return the draft on disk if it differs and another session wrote it after this visitor's last read or write."""
    mine = current(analysis_id)
    if settings.read_only():
        return None
    draft = read_draft(analysis_id)
    visitor = state.get()
    if draft.stamp == visitor.stamps[analysis_id]:
        return None
    if draft.prune_spec == mine:
        visitor.stamps[analysis_id] = draft.stamp
        return None
    return draft


def take_theirs(analysis_id: str) -> None:
    """Continue with the draft on disk; undo restores the visitor's own."""
    draft = theirs(analysis_id)
    if draft is not None:
        state.get().stamps[analysis_id] = draft.stamp
        edit(analysis_id, draft.prune_spec)


def keep_mine(analysis_id: str) -> None:
    """Continue with the visitor's own draft and overwrite the one on disk; its author is asked in turn."""
    draft = theirs(analysis_id)
    if draft is not None:
        state.get().stamps[analysis_id] = draft.stamp
        _save(analysis_id)


def _save(analysis_id: str) -> None:
    state.get().model = ""  # the Model page follows the plan under edit until another model is chosen
    _write(analysis_id)


def _write(analysis_id: str) -> None:
    if settings.read_only():
        return  # the plan is kept in the session only
    visitor = state.get()
    intents, at = visitor.intents[analysis_id], visitor.places[analysis_id]
    history = History(
        earlier=tuple(intents[:at]), later=tuple(intents[at + 1 :]), version=visitor.versions.get(analysis_id, "")
    )
    written = write_draft(analysis_id, intents[at], seen=visitor.stamps[analysis_id], history=history)
    if written is not None:
        visitor.stamps[analysis_id] = written.stamp
