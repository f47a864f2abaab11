"""Read an untrusted config.json: an allow-list of fields, each with its range."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.errors import ConfigError, shorten
from obce_core.settings import MAX_CONFIG_BYTES
from obce_core.storage.json_input import parse_json

_REQUIRED = object()


@dataclass(frozen=True, kw_only=True)
class Field:
    """One allowed field: its kind, its range or choices, and its default (none: required)."""

    name: str
    kind: type
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    default: Any = _REQUIRED

    def read(self, config: Mapping[str, Any]) -> Any:
        """Return the field's value, or raise ConfigError naming the field, what was found and what is allowed."""
        if self.name not in config or (config[self.name] is None and self.default is not _REQUIRED):
            if self.default is _REQUIRED:
                raise ConfigError(f"config.json: {self.name} is missing.")
            return self.default
        value = config[self.name]
        problem = f"config.json: {self.name} is {shorten(value)}"
        if self.kind is str:
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                raise ConfigError(
                    f"config.json: {self.name} {shorten(value)!r} is not one of {', '.join(self.choices)}."
                )
            return value
        if self.kind is bool:
            if not isinstance(value, bool):
                raise ConfigError(f"{problem}; expected true or false.")
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"{problem}; expected a number.")
        if self.kind is int and not (isinstance(value, int) or float(value).is_integer()):
            raise ConfigError(f"{problem}; expected a whole number.")
        if not self.low <= value <= self.high:  # also for NaN, inf and whole numbers beyond floats
            raise ConfigError(f"{problem}; allowed {self.low:g}–{self.high:g}.")
        return self.kind(value)


def parse_config(raw: bytes, name: str = "config.json") -> dict[str, Any]:
    """Parse a JSON object from outside, or raise ConfigError."""
    return parse_json(raw, name, limit=MAX_CONFIG_BYTES, error=ConfigError)


def read_config(path: Path) -> dict[str, Any]:
    """Read and parse a config file from outside; no more of it than the limit is ever in memory."""
    with path.open("rb") as stream:
        return parse_config(stream.read(MAX_CONFIG_BYTES + 1), path.name)


def read_fields(config: Mapping[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    """Keep the allowed fields of a config, each checked."""
    return {field.name: field.read(config) for field in fields}


def read_labels(config: Mapping[str, Any]) -> dict[str, Any]:
    """Read `id2label` (at most 10,000 short names), or nothing."""
    labels = config.get("id2label")
    if labels is None:
        return {}
    if not isinstance(labels, dict) or not 1 <= len(labels) <= 10_000:
        raise ConfigError(f"config.json: id2label is {shorten(labels)}; expected an object of 1–10,000 names.")
    if not all(re.fullmatch(r"0|[1-9][0-9]{0,4}", key[:6]) for key in labels):
        raise ConfigError("config.json: id2label has a key that is not an integer.")
    names = {int(key): value if isinstance(value, str) else shorten(value, 1000) for key, value in labels.items()}
    if sorted(names) != list(range(len(names))) or any(len(name) > 1000 for name in names.values()):
        raise ConfigError("config.json: id2label must number its names 0, 1, 2, … with at most 1,000 characters each.")
    return {"id2label": names, "label2id": {name: key for key, name in names.items()}}
