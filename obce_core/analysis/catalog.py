"""The list of saved analyses with their metadata and user-given names; their numbers are not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.analysis.analysis import Analysis, find_analysis, read_analysis, read_meta
from obce_core.errors import AnalysisError
from obce_core.models.identity import read_identity
from obce_core.storage.atomic import read_json, write_json
from obce_core.storage.staging import is_complete

NAME = "name.json"
"""The user-given name, stored outside of the manifest: renaming changes neither digest nor id."""

_NAME_CHARS = 80


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """A saved analysis without its numbers, for lists. `name` is "" unless the user gave one."""

    meta: Mapping[str, Any]
    folder: Path
    name: str = ""

    @property
    def id(self) -> str:
        return str(self.meta["id"])

    @property
    def is_older_kind(self) -> bool:
        """Whether the analysis was stored before analyses recorded the whole identity of their model."""
        return read_identity(self.meta["model"].get("identity")) is None

    @property
    def unknown_share(self) -> float | None:
        """Share of [UNK] among the word pieces of the texts; None for an analysis that did not count them."""
        texts = self.meta["texts"]
        pieces, unknown = texts.get("word_pieces"), texts.get("unknown")
        return unknown / pieces if isinstance(pieces, int) and isinstance(unknown, int) and pieces > 0 else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the analysis says of its model and its texts, in sentences."""
        return (*self.meta["model"].get("notes", ()), *self.meta["texts"].get("notes", ()))

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())


def list_saved() -> list[Saved]:
    """List the complete analyses of the cache, newest first, without their numbers; skip unreadable ones."""
    home = settings.cache_dir() / "analyses"
    entries = []
    for folder in home.iterdir() if home.is_dir() else ():
        if is_complete(folder):
            try:
                entries.append(Saved(meta=read_meta(folder), folder=folder, name=read_name(folder)))
            except AnalysisError:
                continue
    return sorted(entries, key=lambda entry: (str(entry.meta["created"]), entry.id), reverse=True)


def list_analyses() -> list[Analysis]:
    """Open every complete analysis of the cache, the newest first; unreadable ones are left out."""
    folders = []
    for entry in list_saved():
        try:
            folders.append(read_analysis(entry.folder))
        except AnalysisError:
            continue
    return folders


def read_name(folder: Path) -> str:
    """Return the user-given name of an analysis, or ""."""
    try:
        return _clean_name(read_json(folder / NAME)["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def rename(where: str | Path, name: str) -> None:
    """Give an analysis a name of one's own (at most 80 characters); an empty one takes it away. Its id stays."""
    refuse_if_read_only("Renaming an analysis")
    folder = find_analysis(where)
    cleaned = _clean_name(name)
    if cleaned:
        write_json(folder / NAME, {"name": cleaned})
    else:
        (folder / NAME).unlink(missing_ok=True)


def _clean_name(name: object) -> str:
    """Bring a name to one printable line."""
    text = "".join(c if c.isprintable() else " " for c in name) if isinstance(name, str) else ""
    return " ".join(text.split())[:_NAME_CHARS]
