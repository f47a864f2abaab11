"""Plans under a name: `plans/<analysis>/versions/<id>.json` of the cache. A name is text in the file, never a path."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from obce_core.access.readonly import refuse_if_read_only
from obce_core.errors import ObceError, PlanError, shorten
from obce_core.plan.drafts import plans_home
from obce_core.plan.plan_file import parse_document
from obce_core.plan.serialize import parse_prune_spec, prune_spec_document
from obce_core.plan.spec import PruneSpec
from obce_core.storage.atomic import open_regular, write_json
from obce_core.storage.private import private_folder
from obce_core.storage.staging import check_name

FORMAT = "obce-version/1"
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
    version = Version(
        id=uuid.uuid4().hex[:12], name=_free(analysis_id, name), note=_note(note), written=_now(), prune_spec=prune_spec
    )
    _write(analysis_id, version)
    return version


def list_versions(analysis_id: str) -> list[Version]:
    """Read every version of an analysis, the newest first; unreadable files are left out."""
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
    """Give a version another name, and another note unless that is None; raises PlanError like `save_version`."""
    old = _find(analysis_id, version_id)
    free = old.name if name.strip() == old.name else _free(analysis_id, name)
    updated = replace(old, name=free, note=old.note if note is None else _note(note))
    _write(analysis_id, updated)
    return updated


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
            f"{shorten(name)!r} is not a valid version name.", hint=f"Give one line of 1 to {MAX_NAME} characters."
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
        "format": FORMAT,
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
