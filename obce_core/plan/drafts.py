"""The plan under edit of an analysis, on disk: nobody's edit overwrites one that its author has not seen.

`plans/<analysis>/draft.json` of the cache holds the intent and a stamp that is new with every write. Who writes names the
stamp that he saw last; when another one stands there, nothing is written.
"""

from __future__ import annotations

import fcntl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from obce_core import settings
from obce_core.errors import ObceError
from obce_core.plan.asked import intent_document, parse_intent
from obce_core.plan.document import parse_document
from obce_core.plan.intent import Intent
from obce_core.store import check_name, write_json

FORMAT = "obce-draft/1"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An intent under edit; `stamp` is "" and `written` (UTC) is "" where none was ever written."""

    intent: Intent
    stamp: str = ""
    written: str = ""


def plans_home(analysis_id: str) -> Path:
    """Return the folder of an analysis's draft and named versions (not created here)."""
    return settings.cache_dir() / "plans" / check_name(analysis_id)


def read_draft(analysis_id: str) -> Draft:
    """Read the draft on disk; an empty one where there is none, or none that can be read."""
    path = plans_home(analysis_id) / "draft.json"
    try:
        data = parse_document(path.read_bytes(), path.name)
        return Draft(intent=parse_intent(data["intent"], path.name), stamp=str(data["stamp"]), written=str(data["written"]))
    except (OSError, KeyError, ObceError):
        return Draft(intent=Intent())


def write_draft(analysis_id: str, intent: Intent, *, seen: str) -> Draft | None:
    """Write a draft and return it; None, and nothing is written, when the draft on disk is not the one that was `seen`."""
    home = plans_home(analysis_id)
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home / "draft.lock"):
        if read_draft(analysis_id).stamp != seen:
            return None
        made = Draft(intent=intent, stamp=uuid.uuid4().hex[:16], written=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        entry = {"format": FORMAT, "stamp": made.stamp, "written": made.written, "intent": intent_document(intent)}
        write_json(home / "draft.json", entry)
    return made


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other threads and processes out of the block."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
