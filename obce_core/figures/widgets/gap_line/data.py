"""One neuron's outputs on a line, with growing disks and marked gaps: the data of lesson 4's figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from obce_core.figures.widgets import widget_assets

_LONGEST = 300


class Marked(Protocol):
    """A gap with a letter: the texts at its ends, and how many lie on either side of it on the whole line."""

    @property
    def letter(self) -> str: ...
    @property
    def left(self) -> float: ...
    @property
    def right(self) -> float: ...
    @property
    def texts(self) -> tuple[int, int]: ...


def gap_line(
    values: np.ndarray,
    texts: Sequence[str],
    gaps: Sequence[Marked],
    *,
    percent: int,
    known: bool,
    edge_length: bool,
    large: bool,
    noun: str = "text",
) -> dict[str, Any]:
    """Make the data of the line.

    Args:
        values: the outputs, shape (texts,).
        texts: as many; at most 300 characters of each are sent, and only of those beside a marked gap.
        percent: the radius in percent of r_f.
        known: whether widths may be told (they give answers away).
        noun: what one output belongs to: a text, or a token.
    """
    line = np.sort(np.asarray(values, dtype=np.float64))
    widest = max((gap.right - gap.left for gap in gaps), default=0.0)
    return {
        "values": line.tolist(),
        "gaps": [
            {
                "letter": gap.letter,
                "left": gap.left,
                "right": gap.right,
                "texts": [_short(texts[at]) for at in gap.texts],
                "widest": gap.right - gap.left == widest,
            }
            for gap in gaps
        ],
        "last": widest / 2,
        "percent": percent,
        "known": known,
        "noun": noun,
        "edgeLength": edge_length,
        "large": large,
    }


def gap_line_assets() -> tuple[str, str]:
    """Return (css, js) of the component."""
    return widget_assets("gap_line", "lesson_tools.js", "gap_line/script.js")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
