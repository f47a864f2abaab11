"""Plain data of plan files: taken field by field, each refusal naming where; and written so that people can read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from obce_core.errors import PlanError, UnknownName, shorten


def only(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse keys that are not known."""
    for key in data:
        if key not in known:
            raise UnknownName(f"key in {where}", key, known)


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Take an object."""
    if not isinstance(value, dict):
        raise PlanError(f"{where} must be an object, found {shorten(value)!r}.")
    return value


def layer_number(value: str, where: str) -> int:
    """Take the number of a layer from the key of an object."""
    if not (value.isascii() and value.isdigit() and len(value) < 6 and value[0] != "0"):
        raise PlanError(f"{where}: {shorten(value)!r} is not a layer; layers count from 1.")
    return int(value)


def text(value: object, where: str) -> str:
    """Take a name."""
    if not isinstance(value, str):
        raise PlanError(f"{where} is {shorten(value)!r}; expected a name.")
    return value


def pretty(value: Any, depth: int = 0) -> str:
    """Render JSON with an object's entries on lines of their own, down to a cell, and every list on one line."""
    if isinstance(value, dict) and value and depth < 4:
        inner = ",\n".join(
            f"{' ' * (depth + 1)}{json.dumps(key)}: {pretty(entry, depth + 1)}" for key, entry in value.items()
        )
        return "{\n" + inner + "\n" + " " * depth + "}"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
