"""The memory budget of the texts of one file, counted while reading."""

from __future__ import annotations

import sys

from obce_core import settings
from obce_core.errors import TextsError

_TEXT = 128
"""Bytes of a text besides its characters: its entries in lists and sets."""

_CELL = 8
_MEMO = 10_000


class Budget:
    """The memory left for one file; every text and label kept is taken from it."""

    def __init__(self, name: str, place: str = "line") -> None:
        self._name, self._place = name, place
        self._limit = self._left = settings.text_memory()
        self._labels: dict[str, str] = {"": ""}

    def take_text(self, text: str, number: int) -> None:
        """Count the text of a line or row; raise `TextsError` naming it where the limit is passed."""
        self._take((_TEXT + sys.getsizeof(text)) if text else _CELL, number)

    def keep_label(self, label: str, number: int) -> str:
        """Return one object for equal labels, and count it."""
        known = self._labels.get(label)
        self._take(_CELL if known is not None else _CELL + sys.getsizeof(label), number)
        if known is None and len(self._labels) < _MEMO:
            self._labels[label] = label
        return label if known is None else known

    def _take(self, size: int, number: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TextsError(
                f"{self._name} needs more than {self._limit / 1e6:,.0f} MB of memory to read "
                f"(the limit is reached at {self._place} {number}).",
                hint="Give a part of it, or a larger OBCE_TEXT_MEMORY.",
            )
