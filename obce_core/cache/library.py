"""The entries of the cache, the references between them, and their removal with undo.

An entry is a file or folder in `cache/<kind>/`. Removing moves it into a new folder of `cache/trash/`; an entry of the
trash is removed for good. An entry that another one refers to stays, unless those go with it.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core import settings
from obce_core.access.readonly import refuse_if_read_only
from obce_core.analysis.analysis import META
from obce_core.analysis.catalog import read_name
from obce_core.errors import BadInput, PathError, shorten
from obce_core.jobs import FINAL, Run
from obce_core.jobs.registry import note_removed
from obce_core.storage.atomic import read_json
from obce_core.storage.private import private_folder
from obce_core.storage.staging import check_name
from obce_core.storage.trash import MOVED, move, new_step, put_back, step_content, step_path

ENTRY_KINDS = ("analyses", "evaluations", "models", "plans", "runs", "texts", "trash")
_WORDS = {
    "analyses": "analysis",
    "evaluations": "evaluation",
    "models": "model",
    "plans": "plan",
    "runs": "run",
    "texts": "texts",
    "trash": "trash",
}
_PLAN = "pruning_plan.json"
_FACTS = {"analyses": META, "evaluations": "unit.json", "models": _PLAN, "runs": "spec.json", "trash": MOVED}
"""The file that says what an entry is."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the cache; `ref` names it on the command line, `label` says what it is."""

    kind: str
    path: Path
    label: str = ""

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def ref(self) -> str:
        return f"{self.kind}/{self.id}"

    @property
    def bytes(self) -> int:
        total = 0
        for path in [self.path, *(self.path.rglob("*") if _is_folder(self.path) else ())]:
            with suppress(OSError):  # it may be going, or closed to us
                facts = path.lstat()
                total += facts.st_size if stat.S_ISREG(facts.st_mode) else 0
        return total

    @property
    def modified(self) -> float:
        """Seconds since the epoch."""
        return _modified(self.path)

    def describe(self) -> str:
        """Name it for people: kind, short id, label."""
        return f"{_WORDS[self.kind]} {shorten(self.id, 28)}" + (f" ({self.label})" if self.label else "")


def list_entries(kinds: Iterable[str] = ENTRY_KINDS) -> list[Entry]:
    """List the entries of some kinds, by kind, the newest first; half-written and hidden ones are left out."""
    entry: list[Entry] = []
    for kind in kinds:
        if kind not in ENTRY_KINDS:
            raise BadInput(f"The cache has no {shorten(kind)!r}; it has {', '.join(ENTRY_KINDS)}.")
        home = settings.cache_dir() / kind
        paths = (
            [path for path in home.iterdir() if path.name[0] != "." and ".tmp-" not in path.name]
            if home.is_dir()
            else []
        )
        entry += [
            Entry(kind=kind, path=path, label=_label(kind, path))
            for path in sorted(paths, key=lambda path: -_modified(path))
        ]
    return entry


def find_entry(ref: str) -> Entry:
    """Find an entry by `kind/id`; the first 6 or more characters of the id are enough.

    Raises:
        BadInput: there is none, or more than one.
    """
    kind, _, name = ref.partition("/")
    hits = [
        entry
        for entry in list_entries([kind])
        if entry.id == name or (len(name) >= 6 and entry.id.startswith(check_name(name)))
    ]
    exact = [entry for entry in hits if entry.id == name]
    if len(exact or hits) != 1:
        problem = f"{len(hits)} entries begin with" if hits else "There is no entry"
        raise BadInput(f"{problem} {shorten(ref)!r}.", hint="See obce cache list.")
    return (exact or hits)[0]


def referrers(entry: Entry) -> list[Entry]:
    """List the entries that refer to one: they would lose what they were made from."""
    others = [other for other in list_entries(("models", "plans", "analyses", "runs")) if other.path != entry.path]
    return [other for other in others if _refers(other, entry)]


def remove(entries: Sequence[Entry], *, along: bool = False) -> str:
    """Move entries to the trash, in one step that `restore` undoes; return the id of that step.

    Args:
        along: take what refers to them too.

    Raises:
        BadInput: something refers to one of them (and stays), or a run is at work.
    """
    refuse_if_read_only("Deleting")
    entries_ = list(entries)
    known_values = {entry.path for entry in entries_}
    for entry in entries_:  # grows while it is walked through: who refers to a referrer goes too
        held_items = [other for other in referrers(entry) if other.path not in known_values]
        if held_items and not along:
            names = ", ".join(other.describe() for other in held_items[:4]) + (
                f" and {len(held_items) - 4} more" if len(held_items) > 4 else ""
            )
            raise BadInput(f"{entry.describe()} is still needed by: {names}.", hint="Remove these first, or with it.")
        entries_ += held_items
        known_values |= {other.path for other in held_items}
    for entry in entries_:
        if entry.kind == "trash":
            raise BadInput(f"{entry.ref} is in the trash already.", hint="Remove it for good by its own.")
        if _is_live(entry):
            raise BadInput(f"{entry.describe()} is at work.", hint="Cancel it first.")
    home = new_step({"refs": [entry.ref for entry in entries_]})
    note_removed(entry.id for entry in entries_ if entry.kind in ("runs", "evaluations"))
    for entry in entries_:
        private_folder(home / entry.kind)
        move(entry.path, home / entry.kind / entry.id)
    return home.name


def restore(step: str) -> list[str]:
    """Move what one removal or --overwrite took back to where it was; return the refs, or the path.

    Raises:
        BadInput: there is no such removal, or something of the same name is there again (nothing is moved then).
    """
    refuse_if_read_only("Bringing back what was deleted")
    home = settings.cache_dir() / "trash" / check_name(step)
    path, content = step_path(home), step_content(home)
    if path is not None and content is not None:
        if os.path.lexists(path):
            raise PathError(f"{path} is there again.", hint="Move it away first.")
        if not Path(path).parent.is_dir():
            raise PathError(f"The folder of {path} is not there any more.", hint="Make it first.")
        put_back(content, Path(path))
        return [path]
    try:
        refs = [
            (check_name(kind), check_name(name))
            for kind, name in (str(ref).split("/", 1) for ref in read_json(home / MOVED)["refs"])
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"The trash holds no {shorten(step)!r}.", hint="See obce cache list trash.") from None
    occupied = [f"{kind}/{name}" for kind, name in refs if (settings.cache_dir() / kind / name).exists()]
    if occupied:
        raise PathError(f"{occupied[0]} is there again.", hint="Remove it first.")
    for kind, name in refs:
        target = settings.cache_dir() / kind / name
        private_folder(target.parent)
        if (home / kind / name).exists():
            move(home / kind / name, target)
    shutil.rmtree(home)
    return [f"{kind}/{name}" for kind, name in refs]


def destroy(entries: Sequence[Entry]) -> None:
    """Remove entries of the trash for good; any other is refused."""
    refuse_if_read_only("Deleting")
    for entry in entries:
        if entry.kind != "trash":
            raise BadInput(f"{entry.ref} is not in the trash.", hint="Remove it first.")
    for entry in entries:
        if entry.path.is_dir() and not entry.path.is_symlink():
            shutil.rmtree(entry.path)
        else:
            entry.path.unlink()


def _is_folder(path: Path) -> bool:
    """Return True for a folder that is not a link; what cannot be looked at is not one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _label(kind: str, path: Path) -> str:
    facts = _read(path / _FACTS[kind]) if kind in _FACTS and path.is_dir() else {}
    if kind == "analyses" and facts:
        return read_name(path) or f"{_part(facts, 'model', 'name')}, {_part(facts, 'texts', 'n')} texts"
    if kind == "evaluations" and facts:
        return shorten(f"{facts.get('label')}, {facts.get('task')}, seed {facts.get('seed')}, {facts.get('tier')}", 90)
    if kind == "models" and facts:
        return f"of {_part(facts, 'model', 'name')}"
    if kind == "runs" and facts:
        return f"{shorten(Run(path).kind, 30)}, {Run(path).status().state}"
    if kind == "trash" and (path_before := step_path(path)) is not None:
        return shorten(path_before, 90)
    if kind == "trash" and isinstance(facts.get("refs"), list):
        return shorten(", ".join(map(str, facts["refs"])), 90)
    return ""


def _refers(other: Entry, entry: Entry) -> bool:
    if other.kind == "runs":
        options = json.dumps(Run(other.path).spec["options"])
        return _is_live(other) and (f'"{entry.id}"' in options or json.dumps(str(entry.path))[1:-1] in options)
    if entry.kind == "analyses":
        if other.kind == "models":
            return entry.id in _analyses_of(_read(other.path / _PLAN))
        if other.kind == "plans":
            return other.id.startswith(entry.id) or any(
                entry.id in _analyses_of(_read(path)) for path in _documents(other.path)
            )
    if entry.kind == "models" and other.kind == "analyses":
        spec = str(_part(_read(other.path / META), "model", "spec"))
        return spec == str(entry.path) or spec.startswith(f"{entry.path}/")
    return False


def _analyses_of(document: Any) -> Iterator[str]:
    """Yield the analyses that a plan names, and those of the plans before it."""
    if isinstance(document, dict):
        yield str(document.get("analysis", ""))
        earlier = document.get("earlier")
        for plan in earlier if isinstance(earlier, list) else ():
            yield from _analyses_of(plan)


def _documents(path: Path) -> Iterator[Path]:
    yield from path.rglob("*.json") if path.is_dir() else (path,) if path.suffix == ".json" else ()


def _is_live(entry: Entry) -> bool:
    return entry.kind == "runs" and Run(entry.path).status().state not in FINAL


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path, limit=settings.MAX_PLAN_JSON_BYTES)
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _part(fields: dict[str, Any], name: str, field: str) -> Any:
    part = fields.get(name)
    return shorten(part.get(field, ""), 200) if isinstance(part, dict) else ""
