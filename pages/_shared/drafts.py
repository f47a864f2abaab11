"""The plan under edit: each visitor's own, with undo and redo; a copy on disk after every edit, so that a reload loses
little.

Two tabs on one analysis edit two drafts. The copy on disk is the newest, and no tab writes over what it has not seen:
the Plan page then asks which one to continue with.
"""

from __future__ import annotations

from obce_core import settings
from obce_core.plan import PruneSpec
from obce_core.plan.spec import choose_neuron, release_neuron
from obce_core.plan.storage import Draft, History, read_draft, read_history, write_draft
from pages._shared import state

_LIMIT = 200


def current(analysis_id: str) -> PruneSpec:
    """Return the intent under edit for an analysis."""
    selection = state.get()
    if analysis_id not in selection.intents:
        draft = read_draft(analysis_id)
        history = read_history(analysis_id, draft.stamp)
        selection.intents[analysis_id] = [*history.earlier, draft.prune_spec, *history.later]
        selection.places[analysis_id] = len(history.earlier)
        selection.stamps[analysis_id] = draft.stamp
        if history.version:
            selection.versions.setdefault(analysis_id, history.version)
    return selection.intents[analysis_id][selection.places[analysis_id]]


def edit(analysis_id: str, prune_spec: PruneSpec, *, from_grid: bool = False) -> None:
    """Put a new intent in place; what was undone is forgotten. The grid takes over unless the edit came from it."""
    selection = state.get()
    if prune_spec == current(analysis_id):
        return
    at = selection.places[analysis_id]
    history = [*selection.intents[analysis_id][: at + 1], prune_spec][-_LIMIT:]
    selection.intents[analysis_id], selection.places[analysis_id] = history, len(history) - 1
    selection.told = []
    if not from_grid:
        selection.revision += 1
    _save(analysis_id)


def can(analysis_id: str, step: int) -> bool:
    """Return True if there is an edit to undo (-1) or redo (+1)."""
    current(analysis_id)
    selection = state.get()
    return 0 <= selection.places[analysis_id] + step < len(selection.intents[analysis_id])


def move(analysis_id: str, step: int) -> None:
    """Undo (-1) or redo (+1)."""
    if can(analysis_id, step):
        selection = state.get()
        selection.places[analysis_id] += step
        selection.told = []
        selection.revision += 1
        _save(analysis_id)


def keep(analysis_id: str, layer: int, component: str, neuron: int, reason: str = "") -> None:
    """Keep a neuron whatever its percentile says; raises PlanError where that cannot be."""
    edit(analysis_id, choose_neuron(current(analysis_id), "keep", layer, component, neuron, reason))


def drop(analysis_id: str, layer: int, component: str, neuron: int, reason: str = "") -> None:
    """Drop a neuron whatever its percentile says; raises PlanError where that cannot be."""
    edit(analysis_id, choose_neuron(current(analysis_id), "drop", layer, component, neuron, reason))


def release(analysis_id: str, layer: int, component: str, neuron: int) -> None:
    """Leave a neuron to its percentile again."""
    edit(analysis_id, release_neuron(current(analysis_id), layer, component, neuron))


def came_from(analysis_id: str, version_id: str) -> None:
    """Remember the version that the draft was opened from or saved as."""
    current(analysis_id)
    state.get().versions[analysis_id] = version_id
    _write(analysis_id)


def theirs(analysis_id: str) -> Draft | None:
    """Return the draft on disk if another visitor wrote a different one since this visitor last read or wrote."""
    mine = current(analysis_id)
    if settings.read_only():
        return None
    draft = read_draft(analysis_id)
    selection = state.get()
    if draft.stamp == selection.stamps[analysis_id]:
        return None
    if draft.prune_spec == mine:
        selection.stamps[analysis_id] = draft.stamp
        return None
    return draft


def take_theirs(analysis_id: str) -> None:
    """Continue with the draft on disk; undo restores the visitor's own."""
    other = theirs(analysis_id)
    if other is not None:
        state.get().stamps[analysis_id] = other.stamp
        edit(analysis_id, other.prune_spec)


def keep_mine(analysis_id: str) -> None:
    """Continue with the visitor's own draft and overwrite the one on disk, whose author is then asked."""
    other = theirs(analysis_id)
    if other is not None:
        state.get().stamps[analysis_id] = other.stamp
        _save(analysis_id)


def _save(analysis_id: str) -> None:
    state.get().model = ""  # the Model page follows the plan under edit until another model is chosen
    _write(analysis_id)


def _write(analysis_id: str) -> None:
    if settings.read_only():
        return  # a visitor's plan lives in the session alone
    selection = state.get()
    intents, at = selection.intents[analysis_id], selection.places[analysis_id]
    history = History(
        earlier=tuple(intents[:at]), later=tuple(intents[at + 1 :]), version=selection.versions.get(analysis_id, "")
    )
    written = write_draft(analysis_id, intents[at], seen=selection.stamps[analysis_id], history=history)
    if written is not None:
        selection.stamps[analysis_id] = written.stamp
