"""A map of the differences between two analyses: signed differences in diverging colours, or the agreement of ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from obce_core.analysis.compare import CellComparison
from obce_core.components import LOCKED, TITLES
from obce_core.figures.theme import DARK, LIGHT, ramp
from obce_core.figures.widgets.cell_map.data import columns, inked, written
from obce_core.formatting import MINUS
from obce_core.storage.digests import digest

NUMBERS = {"difference": "Difference", "spearman": "Spearman", "jaccard": "Jaccard at P50"}
"""What a cell of the map can show."""

LESS = ("#9A5B1E", "#D9A15A")
MORE = ("#1F7A80", "#4FB6BC")
_TINT = 0.38
"""The strongest tint behind a signed number."""


def difference_map(
    rows: Sequence[CellComparison],
    *,
    number: str = "difference",
    aggregate: str = "median",
    scale: str = "log",
    by: float = 1.0,
    what: str = "",
) -> dict[str, Any]:
    """Make the data of the map of a comparison: second minus first, times `by` (2 for edge lengths).

    The tint of a difference follows the ratio of the two numbers (`log`) or the difference (`linear`); that of Spearman
    and Jaccard their value from 0 to 1. A cell that cannot be compared is marked with its reason.
    """
    known_values = [row for row in rows if not row.reason]
    strongest = max((_strength(row, scale) for row in known_values), default=0.0)
    cells = []
    for row in rows:
        entry: dict[str, Any] = {"layer": row.layer, "component": row.component, "locked": row.component in LOCKED}
        place = f"Layer {row.layer}, {TITLES[row.component]}"
        if row.reason:
            entry |= {
                "equal": row.reason if row.reason == "all equal" else "not comparable",
                "label": f"{place}: {row.reason}",
            }
        elif number == "difference":
            assert row.first is not None and row.second is not None
            entry |= _tinted(row, strongest, scale)
            entry["text"] = signed(by * (row.second - row.first), aggregate)
            entry["value"] = by * (row.second - row.first)
            tooltip = f"{written(by * row.first, aggregate)} and {written(by * row.second, aggregate)}"
            entry["label"] = f"{place}: {entry['text']} ({tooltip})"
        else:
            value = row.spearman if number == "spearman" else row.jaccard
            entry |= _ramped(value)
            entry["value"] = value
            chance = f"; chance gives {row.chance:.2f}" if number == "jaccard" else ""
            entry["label"] = f"{place}: {NUMBERS[number]} {entry['text']}{chance}"
        cells.append(entry)
    data = {
        "layers": sorted({row.layer for row in rows}),
        "columns": columns(),
        "cells": cells,
        "flat": number == "difference",
        "legend": _legend(number, scale, strongest, known_values, what),
    }
    return data | {"signature": digest(data)[:16]}


def signed(value: float, aggregate: str = "median") -> str:
    """Write a difference with its sign: "+0.0012", "−12.0 %", "0"."""
    text = written(abs(value), aggregate)
    return text if not value else f"{MINUS if value < 0 else '+'}{text}"


def _strength(row: CellComparison, scale: str) -> float:
    """Return how strong a difference is: the log of the ratio, or on a linear scale the difference; 0 or more."""
    assert row.first is not None and row.second is not None
    if scale == "log" and row.first > 0 and row.second > 0:
        return abs(math.log(row.second / row.first))
    return 0.0 if scale == "log" else abs(row.second - row.first)


def _tinted(row: CellComparison, strongest: float, scale: str) -> dict[str, Any]:
    assert row.first is not None and row.second is not None
    one_sided = scale == "log" and min(row.first, row.second) <= 0 < max(
        row.first, row.second
    )  # no ratio: as strong as can be
    at = 1.0 if one_sided else _strength(row, scale) / strongest if strongest else 0.0
    colours = MORE if row.second > row.first else LESS
    light, dark = (
        ramp((mode.background, colour), _TINT * at) for mode, colour in zip((LIGHT, DARK), colours, strict=True)
    )
    return {
        **inked(light, dark, math.copysign(at, row.second - row.first)),
        "ink_light": LIGHT.ink,
        "ink_dark": DARK.ink,
    }


def _ramped(value: float | None) -> dict[str, Any]:
    at = min(max(value or 0.0, 0.0), 1.0)
    text = "–" if value is None else f"{value:.2f}".replace("-", MINUS)
    return {**inked(ramp(LIGHT.sequence, at), ramp(DARK.sequence, at), at), "text": text}


def _legend(number: str, scale: str, strongest: float, known: Sequence[CellComparison], what: str) -> dict[str, Any]:
    if number != "difference":
        chance = (
            next((f", chance {row.chance:.2f}" for row in known if row.chance is not None), "")
            if number == "jaccard"
            else ""
        )
        legend = (
            "rank correlation of the neurons"
            if number == "spearman"
            else f"share of the removed sets that is in both{chance}"
        )
        return {
            "low": "0",
            "high": "1",
            "text": legend,
            "near": "",
            "light": list(LIGHT.sequence),
            "dark": list(DARK.sequence),
        }
    ends = [[ramp((mode.background, pair[i]), _TINT) for pair in (LESS, MORE)] for i, mode in enumerate((LIGHT, DARK))]
    strength = f"strongest × {math.exp(strongest):.2f}" if scale == "log" else "tint by difference"
    return {
        "low": "less in B",
        "high": "more",
        "text": f"B − A{f' of the {what}' if what else ''}; {strength}",
        "near": "",
        "light": [ends[0][0], LIGHT.background, ends[0][1]],
        "dark": [ends[1][0], DARK.background, ends[1][1]],
    }
