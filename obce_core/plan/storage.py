"""The plans under edit on disk: one draft for each analysis, and versions with a name.

`plans/<analysis>/draft.json` of the cache holds a prune spec and a stamp that is new with every write. A writer passes
the stamp it has read last; if another stamp is on disk, nothing is written. So no edit overwrites one that its author
has not seen. `history.json` beside it holds the undo and redo steps and the version that the draft came from; it is
valid only while it has the draft's stamp.

`plans/<analysis>/versions/<id>.json` holds a version. Its name is text in the file, never part of a path.
"""

from __future__ import annotations

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
from obce_core.storage.atomic import open_append, open_regular, write_json
from obce_core.storage.locks import wait_for_lock
from obce_core.storage.private import private_folder
from obce_core.storage.staging import check_name

DRAFT_FORMAT, HISTORY_FORMAT, VERSION_FORMAT = "obce-draft/1", "obce-draft-history/1", "obce-version/1"
MAX_NAME, MAX_NOTE = 80, 500
HISTORY_STEPS = 50
"""Number of undo steps, and of redo steps, that are saved."""
_MAX_HISTORY_NEURONS = 200_000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A prune spec under edit; `stamp` and `written` (UTC) are "" if no draft was ever written."""

    prune_spec: PruneSpec
    stamp: str = ""
    written: str = ""


@dataclass(frozen=True, kw_only=True)
class History:
    """The prune specs before a draft, the oldest first, those undone after it, and the id of the version it came from.

    `version` is "" if the draft does not come from a version.
    """

    earlier: tuple[PruneSpec, ...] = ()
    later: tuple[PruneSpec, ...] = ()
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A prune spec with a name and a note; `written` is the time of its last change (UTC)."""

    id: str
    name: str
    note: str
    written: str
    prune_spec: PruneSpec


def plans_home(analysis_id: str) -> Path:
    """Return the folder of an analysis's draft and versions; it is not created here."""
    return settings.cache_dir() / "plans" / check_name(analysis_id)


def read_draft(analysis_id: str) -> Draft:
    """Read the draft on disk; return an empty one if it is missing or unreadable."""
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
    """Read the history of the draft with this stamp; return an empty one if there is none or it is unreadable."""
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
    """Write a draft and its history, and return the draft.

    Args:
        seen: the stamp of the draft that the caller has read last.

    Returns:
        None if the draft on disk has another stamp; then nothing is written.
    """
    refuse_if_read_only("Saving the draft of a plan")
    home = plans_home(analysis_id)
    private_folder(home)
    with _locked(home / "draft.lock"):
        if read_draft(analysis_id).stamp != seen:
            return None
        draft = Draft(prune_spec=prune_spec, stamp=uuid.uuid4().hex[:16], written=_now())
        entry = {
            "format": DRAFT_FORMAT,
            "stamp": draft.stamp,
            "written": draft.written,
            "intent": prune_spec_document(prune_spec),
        }
        write_json(home / "draft.json", entry)
        if history is not None and history != History():
            write_json(home / "history.json", _history_document(draft.stamp, history))
    return draft


def save_version(analysis_id: str, name: str, prune_spec: PruneSpec, *, note: str = "") -> Version:
    """Save a prune spec under a new name.

    Raises:
        PlanError: the name is empty, too long or already used, or the note is too long.
    """
    version = Version(
        id=uuid.uuid4().hex[:12],
        name=_check_new_name(analysis_id, name),
        note=_check_note(note),
        written=_now(),
        prune_spec=prune_spec,
    )
    _write_version(analysis_id, version)
    return version


def list_versions(analysis_id: str) -> list[Version]:
    """Read all versions of an analysis, the newest first; skip unreadable files."""
    home = plans_home(analysis_id) / "versions"
    versions = []
    for path in sorted(home.glob("*.json")) if home.is_dir() else []:
        try:
            with open_regular(path) as stream:
                data = parse_document(stream.read(), path.name)
            versions.append(
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
    return sorted(versions, key=lambda version: (version.written, version.id), reverse=True)


def rename_version(analysis_id: str, version_id: str, name: str, *, note: str | None = None) -> Version:
    """Change the name of a version, and its note unless `note` is None; raise PlanError as `save_version` does."""
    old = _read_version(analysis_id, version_id)
    new_name = old.name if name.strip() == old.name else _check_new_name(analysis_id, name)
    version = replace(old, name=new_name, note=old.note if note is None else _check_note(note))
    _write_version(analysis_id, version)
    return version


def delete_version(analysis_id: str, version_id: str) -> None:
    """Move a version to the folder of deleted ones; `restore_version` undoes it."""
    _move_version(analysis_id, version_id, "versions", "deleted")


def restore_version(analysis_id: str, version_id: str) -> None:
    """Restore a deleted version under its name."""
    _move_version(analysis_id, version_id, "deleted", "versions")


def _history_document(stamp: str, history: History) -> dict[str, Any]:
    sides = {"earlier": _nearest(history.earlier[::-1])[::-1], "later": _nearest(history.later)}
    return {"format": HISTORY_FORMAT, "stamp": stamp, "version": history.version, **sides}


def _nearest(prune_specs: Sequence[PruneSpec]) -> list[dict[str, Any]]:
    """Write the first prune specs, up to HISTORY_STEPS of them and up to a total of manually overridden neurons."""
    totals = accumulate(
        sum(len(override.neurons) for override in (*prune_spec.keep, *prune_spec.drop))
        for prune_spec in prune_specs[:HISTORY_STEPS]
    )
    return [
        prune_spec_document(prune_spec)
        for prune_spec, total in zip(prune_specs, totals, strict=False)
        if total <= _MAX_HISTORY_NEURONS
    ]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Exclude other threads and processes from the block."""
    with open_append(path) as stream:
        wait_for_lock(stream.fileno())
        yield


def _move_version(analysis_id: str, version_id: str, source: str, target: str) -> None:
    refuse_if_read_only("Deleting or restoring a version of a plan")
    old, new = _version_path(analysis_id, version_id, source), _version_path(analysis_id, version_id, target)
    private_folder(new.parent)
    try:
        os.replace(old, new)
    except FileNotFoundError:
        raise PlanError("That version no longer exists.", hint="Reload the page.") from None


def _read_version(analysis_id: str, version_id: str) -> Version:
    for version in list_versions(analysis_id):
        if version.id == version_id:
            return version
    raise PlanError("That version no longer exists.", hint="Reload the page.")


def _check_new_name(analysis_id: str, name: str) -> str:
    clean = name.strip()
    if not clean or len(clean) > MAX_NAME or not clean.isprintable():
        raise PlanError(
            f"{shorten(name)!r} is not a valid version name.", hint=f"Enter one line of 1 to {MAX_NAME} characters."
        )
    if any(version.name == clean for version in list_versions(analysis_id)):
        raise PlanError(
            f"A version named {shorten(clean)!r} exists.", hint="Choose another name, or delete that version."
        )
    return clean


def _check_note(note: str) -> str:
    if len(note) > MAX_NOTE:
        raise PlanError(f"The note has {len(note):,} characters; the limit is {MAX_NOTE}.")
    return note.strip()


def _write_version(analysis_id: str, version: Version) -> None:
    refuse_if_read_only("Saving a version of a plan")
    entry = {
        "format": VERSION_FORMAT,
        "name": version.name,
        "note": version.note,
        "written": version.written,
        "intent": prune_spec_document(version.prune_spec),
    }
    write_json(_version_path(analysis_id, version.id, "versions"), entry)


def _version_path(analysis_id: str, version_id: str, folder: str) -> Path:
    return plans_home(analysis_id) / folder / f"{check_name(version_id)}.json"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
