"""Drafts of plans on disk. An edit never overwrites a newer draft that its author has not seen.

`plans/<analysis>/draft.json` of the cache holds the intent and a stamp that is new with every write. Who writes names
the stamp that he saw last; when another one stands there, nothing is written. `history.json` beside it holds what can
be undone and done again from there, and the version that the draft came from; it counts while it names the draft's
stamp.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import ObceError
from obce_core.plan.plan_file import parse_document
from obce_core.plan.serialize import parse_prune_spec, prune_spec_document
from obce_core.plan.spec import PruneSpec
from obce_core.storage.atomic import open_append, open_regular, write_json
from obce_core.storage.locks import wait_for_lock
from obce_core.storage.private import private_folder
from obce_core.storage.staging import check_name

FORMAT, HISTORY = "obce-draft/1", "obce-draft-history/1"
STEPS = 50
"""Number of undo steps, and of redo steps, that outlive the session."""
_NEURONS = 200_000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An intent under edit; `stamp` is "" and `written` (UTC) is "" where none was ever written."""

    prune_spec: PruneSpec
    stamp: str = ""
    written: str = ""


@dataclass(frozen=True, kw_only=True)
class History:
    """What stood before a draft, the oldest first, what was undone after it, and the id of the version it came from, or
    ""."""

    earlier: tuple[PruneSpec, ...] = ()
    later: tuple[PruneSpec, ...] = ()
    version: str = ""


def plans_home(analysis_id: str) -> Path:
    """Return the folder of an analysis's draft and named versions (not created here)."""
    return settings.cache_dir() / "plans" / check_name(analysis_id)


def read_draft(analysis_id: str) -> Draft:
    """Read the draft on disk; an empty one where there is none, or none that can be read."""
    path = plans_home(analysis_id) / "draft.json"
    try:
        with open_regular(path) as stream:
            data = parse_document(stream.read(), path.name)
        return Draft(
            prune_spec=parse_prune_spec(data["intent"], path.name),
            stamp=str(data["stamp"]),
            written=str(data["written"]),
        )
    except (OSError, KeyError, TypeError, ObceError):
        return Draft(prune_spec=PruneSpec())


def read_history(analysis_id: str, stamp: str) -> History:
    """Read the history of the draft with a stamp; an empty one where there is none, or none that can be read."""
    path = plans_home(analysis_id) / "history.json"
    try:
        with open_regular(path) as stream:
            data = parse_document(stream.read(), path.name)
        if data["stamp"] != stamp:
            return History()
        earlier, later = (
            tuple(parse_prune_spec(entry, path.name) for entry in data[side]) for side in ("earlier", "later")
        )
        return History(earlier=earlier, later=later, version=str(data["version"]))
    except (OSError, KeyError, TypeError, ObceError):
        return History()


def write_draft(analysis_id: str, prune_spec: PruneSpec, *, seen: str, history: History | None = None) -> Draft | None:
    """Write a draft and its history, and return it; None, and nothing is written, when another draft is there than was
    `seen`."""
    refuse_if_read_only("Saving the draft of a plan")
    home = plans_home(analysis_id)
    private_folder(home)
    with _alone(home / "draft.lock"):
        if read_draft(analysis_id).stamp != seen:
            return None
        now = Draft(
            prune_spec=prune_spec,
            stamp=uuid.uuid4().hex[:16],
            written=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        entry = {
            "format": FORMAT,
            "stamp": now.stamp,
            "written": now.written,
            "intent": prune_spec_document(prune_spec),
        }
        write_json(home / "draft.json", entry)
        if history is not None and history != History():
            write_json(home / "history.json", _history_document(now.stamp, history))
    return now


def _history_document(stamp: str, history: History) -> dict[str, Any]:
    sides = {"earlier": _nearest(history.earlier[::-1])[::-1], "later": _nearest(history.later)}
    return {"format": HISTORY, "stamp": stamp, "version": history.version, **sides}


def _nearest(intents: Sequence[PruneSpec]) -> list[dict[str, Any]]:
    """Write the nearest of some prune specs, limited in steps and in neurons of manual overrides."""
    neurons = list(
        accumulate(
            sum(len(hand.neurons) for hand in (*prune_spec.keep, *prune_spec.drop)) for prune_spec in intents[:STEPS]
        )
    )
    return [
        prune_spec_document(prune_spec)
        for prune_spec, so_far in zip(intents, neurons, strict=False)
        if so_far <= _NEURONS
    ]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other threads and processes out of the block."""
    with open_append(path) as stream:
        wait_for_lock(stream.fileno())
        yield
