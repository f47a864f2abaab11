"""What somebody chose in a form, on disk by its content: an address that names it brings the form back.

`forms/<id>.json` of the cache; the id is the digest of the values, so that nobody's form is ever another one's.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from obce_core import settings
from obce_core.store import digest, read_json, write_json

MOST = 300
"""Forms that are kept, the newest."""

_ID = 16

Value = str | int | float | bool | None


def keep_form(values: Mapping[str, Value]) -> str:
    """Write a form's values and return the id that brings them back; "" for none.

    >>> keep_form({})
    ''
    """
    if not values:
        return ""
    key = digest(dict(values))[:_ID]
    path = _home() / f"{key}.json"
    if not path.exists():
        write_json(path, dict(values))
        _thin(path)
    return key


def read_form(key: str) -> dict[str, Value]:
    """Read a form by its id; empty where there is none, or where a file is not what its name says."""
    if not re.fullmatch(f"[0-9a-f]{{{_ID}}}", key):
        return {}
    try:
        found = read_json(_home() / f"{key}.json")
        return found if isinstance(found, dict) and digest(found)[:_ID] == key else {}
    except (OSError, ValueError):
        return {}


def _home() -> Path:
    return settings.cache_dir() / "forms"


def _thin(newest: Path) -> None:
    """Remove the oldest forms beyond the limit."""
    with contextlib.suppress(OSError):  # another process may thin at the same time
        stamps = sorted((path.stat().st_mtime_ns, path.name) for path in newest.parent.glob("*.json") if path != newest)
        for _, name in stamps[: len(stamps) + 1 - MOST] if len(stamps) + 1 > MOST else []:
            (newest.parent / name).unlink(missing_ok=True)
