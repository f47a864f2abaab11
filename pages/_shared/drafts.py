"""The plan under edit: each visitor's own, with undo and redo; a copy on disk after every edit, so that a reload loses little.

Two tabs on one analysis edit two drafts. The copy on disk is the newest, and no tab writes over what it has not seen: the
Plan page then asks which one to go on with.
"""

from __future__ import annotations

from obce_core import settings
from obce_core.plan import PruneSpec
from obce_core.plan.drafts import Draft, History, read_draft, read_history, write_draft
from obce_core.plan.overrides import choose_neuron, release_neuron
from pages._shared import state

_LIMIT = 200


def current(analysis_id: str) -> PruneSpec:
    """Return the intent under edit for an analysis."""
    chosen = state.get()
    if analysis_id not in chosen.intents:
        found = read_draft(analysis_id)
        history = read_history(analysis_id, found.stamp)
        chosen.intents[analysis_id] = [*history.earlier, found.prune_spec, *history.later]
        chosen.places[analysis_id] = len(history.earlier)
        chosen.stamps[analysis_id] = found.stamp
        if history.version:
            chosen.versions.setdefault(analysis_id, history.version)
    return chosen.intents[analysis_id][chosen.places[analysis_id]]


def edit(analysis_id: str, prune_spec: PruneSpec, *, from_grid: bool = False) -> None:
    """Put a new intent in place; what was undone is forgotten. The grid takes over unless the edit came from it."""
    chosen = state.get()
    if prune_spec == current(analysis_id):
        return
    at = chosen.places[analysis_id]
    history = [*chosen.intents[analysis_id][: at + 1], prune_spec][-_LIMIT:]
    chosen.intents[analysis_id], chosen.places[analysis_id] = history, len(history) - 1
    chosen.messages = []
    if not from_grid:
        chosen.revision += 1
    _save(analysis_id)


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
        chosen.messages = []
        chosen.revision += 1
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
    """Return the draft on disk when somebody else wrote it since this visitor last read or wrote, and it differs."""
    mine = current(analysis_id)
    if settings.read_only():
        return None
    found = read_draft(analysis_id)
    chosen = state.get()
    if found.stamp == chosen.stamps[analysis_id]:
        return None
    if found.prune_spec == mine:
        chosen.stamps[analysis_id] = found.stamp
        return None
    return found


def take_theirs(analysis_id: str) -> None:
    """Go on with the draft on disk; one's own can be had back by undo."""
    found = theirs(analysis_id)
    if found is not None:
        state.get().stamps[analysis_id] = found.stamp
        edit(analysis_id, found.prune_spec)


def keep_mine(analysis_id: str) -> None:
    """Go on with one's own draft and write it over the one on disk, whose author is asked in turn."""
    found = theirs(analysis_id)
    if found is not None:
        state.get().stamps[analysis_id] = found.stamp
        _save(analysis_id)


def _save(analysis_id: str) -> None:
    state.get().model = ""  # the Model page follows the plan under edit until another model is chosen
    _write(analysis_id)


def _write(analysis_id: str) -> None:
    if settings.read_only():
        return  # a visitor's plan lives in the session alone
    chosen = state.get()
    intents, at = chosen.intents[analysis_id], chosen.places[analysis_id]
    history = History(
        earlier=tuple(intents[:at]), later=tuple(intents[at + 1 :]), version=chosen.versions.get(analysis_id, "")
    )
    written = write_draft(analysis_id, intents[at], seen=chosen.stamps[analysis_id], history=history)
    if written is not None:
        chosen.stamps[analysis_id] = written.stamp
