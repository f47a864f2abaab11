"""The plan under edit of an analysis, on disk: nobody's edit overwrites one that its author has not seen.

`plans/<analysis>/draft.json` of the cache holds the intent and a stamp that is new with every write. Who writes names the
stamp that he saw last; when another one stands there, nothing is written. `history.json` beside it holds what can be undone and
done again from there, and the version that the draft came from; it counts while it names the draft's stamp.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import ObceError, PlanError, shorten
from obce_core.plan.plan_file import parse_document
from obce_core.plan.serialize import parse_prune_spec, prune_spec_document
from obce_core.plan.spec import PruneSpec
from obce_core.storage.atomic import check_name, open_append, open_regular, write_json
from obce_core.storage.private import private_folder

DRAFT_FORMAT, HISTORY_FORMAT = "obce-draft/1", "obce-draft-history/1"
STEPS = 50
"""So many steps back, and so many forth, outlive the session."""
_NEURONS = 200_000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An intent under edit; `stamp` is "" and `written` (UTC) is "" where none was ever written."""

    prune_spec: PruneSpec
    stamp: str = ""
    written: str = ""


@dataclass(frozen=True, kw_only=True)
class History:
    """What stood before a draft, the oldest first, what was undone after it, and the id of the version it came from, or ""."""

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
    """Write a draft and its history, and return it; None, and nothing is written, when another draft is there than was `seen`."""
    refuse_if_read_only("Saving the draft of a plan")
    home = plans_home(analysis_id)
    private_folder(home)
    with _alone(home / "draft.lock"):
        if read_draft(analysis_id).stamp != seen:
            return None
        made = Draft(
            prune_spec=prune_spec,
            stamp=uuid.uuid4().hex[:16],
            written=_now(),
        )
        entry = {
            "format": DRAFT_FORMAT,
            "stamp": made.stamp,
            "written": made.written,
            "intent": prune_spec_document(prune_spec),
        }
        write_json(home / "draft.json", entry)
        if history is not None and history != History():
            write_json(home / "history.json", _history_document(made.stamp, history))
    return made


def _history_document(stamp: str, history: History) -> dict[str, Any]:
    sides = {"earlier": _nearest(history.earlier[::-1])[::-1], "later": _nearest(history.later)}
    return {"format": HISTORY_FORMAT, "stamp": stamp, "version": history.version, **sides}


def _nearest(intents: Sequence[PruneSpec]) -> list[dict[str, Any]]:
    """Write the first of some intents, at most so many steps and so many neurons chosen by hand."""
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
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


VERSION_FORMAT = "obce-version/1"
MAX_NAME, MAX_NOTE = 80, 500


@dataclass(frozen=True, kw_only=True)
class Version:
    """An intent under a name, with a note; `written` is the time of its last change (UTC)."""

    id: str
    name: str
    note: str
    written: str
    prune_spec: PruneSpec


def save_version(analysis_id: str, name: str, prune_spec: PruneSpec, *, note: str = "") -> Version:
    """Save an intent under a new name.

    Raises:
        PlanError: the name is empty, too long or taken, or the note too long.
    """
    made = Version(
        id=uuid.uuid4().hex[:12], name=_free(analysis_id, name), note=_note(note), written=_now(), prune_spec=prune_spec
    )
    _write(analysis_id, made)
    return made


def list_versions(analysis_id: str) -> list[Version]:
    """Read every version of an analysis, the newest first; unreadable files are left out."""
    home = plans_home(analysis_id) / "versions"
    found = []
    for path in sorted(home.glob("*.json")) if home.is_dir() else []:
        try:
            with open_regular(path) as stream:
                data = parse_document(stream.read(), path.name)
            found.append(
                Version(
                    id=path.stem,
                    name=str(data["name"]),
                    note=str(data["note"]),
                    written=str(data["written"]),
                    prune_spec=parse_prune_spec(data["intent"], path.name),
                )
            )
        except (OSError, KeyError, TypeError, ObceError):
            continue
    return sorted(found, key=lambda version: (version.written, version.id), reverse=True)


def rename_version(analysis_id: str, version_id: str, name: str, *, note: str | None = None) -> Version:
    """Give a version another name, and another note unless that is None; raises PlanError like `save_version`."""
    old = _find(analysis_id, version_id)
    free = old.name if name.strip() == old.name else _free(analysis_id, name)
    made = replace(old, name=free, note=old.note if note is None else _note(note))
    _write(analysis_id, made)
    return made


def delete_version(analysis_id: str, version_id: str) -> None:
    """Put a version aside; `restore_version` brings it back."""
    _move(analysis_id, version_id, "versions", "deleted")


def restore_version(analysis_id: str, version_id: str) -> None:
    """Bring a deleted version back, under its name."""
    _move(analysis_id, version_id, "deleted", "versions")


def _move(analysis_id: str, version_id: str, source: str, target: str) -> None:
    refuse_if_read_only("Deleting or restoring a version of a plan")
    old, new = _path(analysis_id, version_id, source), _path(analysis_id, version_id, target)
    private_folder(new.parent)
    try:
        os.replace(old, new)
    except FileNotFoundError:
        raise PlanError("That version is not there any more.", hint="Reload the page.") from None


def _find(analysis_id: str, version_id: str) -> Version:
    for version in list_versions(analysis_id):
        if version.id == version_id:
            return version
    raise PlanError("That version is not there any more.", hint="Reload the page.")


def _free(analysis_id: str, name: str) -> str:
    clean = name.strip()
    if not clean or len(clean) > MAX_NAME or not clean.isprintable():
        raise PlanError(
            f"{shorten(name)!r} is no name of a version.", hint=f"Give one line of 1 to {MAX_NAME} characters."
        )
    if any(version.name == clean for version in list_versions(analysis_id)):
        raise PlanError(f"A version named {shorten(clean)!r} exists.", hint="Choose another name, or delete that one.")
    return clean


def _note(note: str) -> str:
    if len(note) > MAX_NOTE:
        raise PlanError(f"The note has {len(note):,} characters; at most {MAX_NOTE} are kept.")
    return note.strip()


def _write(analysis_id: str, version: Version) -> None:
    refuse_if_read_only("Saving a version of a plan")
    entry = {
        "format": VERSION_FORMAT,
        "name": version.name,
        "note": version.note,
        "written": version.written,
        "intent": prune_spec_document(version.prune_spec),
    }
    write_json(_path(analysis_id, version.id, "versions"), entry)


def _path(analysis_id: str, version_id: str, folder: str) -> Path:
    return plans_home(analysis_id) / folder / f"{check_name(version_id)}.json"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
