"""Checks shared by JSON and YAML documents: their text, their numbers, and the top-level object."""

from __future__ import annotations

import math
from typing import Any

from obce_core.errors import BadInput, shorten

MAX_NUMBER_CHARS = 1_000
"""Characters of one number. Converting digits to a whole number takes quadratic time."""


def decode(raw: bytes, name: str, limit: int, error: type[BadInput]) -> str:
    """Return a document's text: UTF-8 within the size limit, without its byte order mark."""
    if len(raw) > limit:
        raise error(f"{name} has {len(raw):,} bytes; limit {limit:,}.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise error(f"{name} is not UTF-8 text.") from None


def whole(text: str) -> int:
    """Return a whole number of bounded length; raise ValueError otherwise."""
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of {len(text):,} digits is too long (limit {MAX_NUMBER_CHARS:,})")
    return int(text)


def finite(text: str) -> float:
    """Return a finite number of bounded length; raise ValueError otherwise."""
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of {len(text):,} characters is too long (limit {MAX_NUMBER_CHARS:,})")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shorten(text, 20)} is too large a number")
    return value


def require_object(value: Any, name: str, error: type[BadInput]) -> dict[str, Any]:
    """Return a document that is an object; refuse any other."""
    if not isinstance(value, dict):
        raise error(f"{name} must be an object, found {'nothing' if value is None else 'a ' + type(value).__name__}.")
    return value
