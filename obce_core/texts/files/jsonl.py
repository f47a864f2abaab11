"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obce_core.errors import TextsError
from obce_core.storage.json_input import load_json
from obce_core.texts.files.intake import display
from obce_core.texts.files.lines import numbered_lines
from obce_core.texts.files.separated import LINE_LIMIT
from obce_core.texts.files.survey import Survey

_MAX_VALUES = 200_000
"""Values of one line."""


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """One JSON object a line; a key that a line lacks is null there. NaN is accepted, as Python and pandas write it."""

    place: str = "line"

    def survey(self, path: Path) -> Survey:
        """Look at every line."""
        return Survey(name=display(path)).add_rows(_objects(path))

    def rows(self, path: Path, names: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield each line's number, and its values of the named keys."""
        for number, row in _objects(path):
            yield number, [row.get(name) for name in names]


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    name = display(path)
    for number, line in numbered_lines(path, limit=LINE_LIMIT):
        if not line.strip():
            continue
        try:
            row = load_json(line.encode("utf-8"), max_values=_MAX_VALUES, constants=True, surrogates=True)
        except (ValueError, RecursionError) as error:
            column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise TextsError(
                f"{name} line {number} is not valid JSON{column}.", hint="Write one object a line."
            ) from None
        if not isinstance(row, dict):
            raise TextsError(
                f"{name} line {number} is a JSON {type(row).__name__}, expected an object.",
                hint='Write one object a line, e.g. {"text": "..."}.',
            )
        yield number, row
