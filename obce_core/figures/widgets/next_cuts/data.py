"""The cheapest next cuts as a list with a button per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obce_core.components import TITLES
from obce_core.figures.theme import DARK, LIGHT
from obce_core.figures.widgets import widget_assets
from obce_core.figures.widgets.cell_map.data import SHORT
from obce_core.formatting import millions
from obce_core.plan.next_cuts import NextCut, cheapest


def next_cut_list(cuts: Sequence[NextCut], lost: Sequence[float | None], *, waiting: bool) -> dict[str, Any]:
    """Make the data of the list, the cheapest first: cell, step, parameters saved and cosine lost.

    `lost` holds what each cut loses, None where that is not measured; `waiting` says whether it is going to be.
    """
    rows = []
    for place in cheapest(cuts, lost):
        cut, loss = cuts[place], lost[place]
        name = " + ".join(TITLES[c] if number == 0 else TITLES[c].lower() for number, c in enumerate(cut.components))
        step = f"{percentile(cut.before)} → {percentile(cut.after)}"
        price = signed(loss) if loss is not None else "measuring" if waiting else "not measured"
        rows.append(
            {
                "place": place,
                "chips": [{"light": LIGHT.components[c], "dark": DARK.components[c]} for c in cut.components],
                "component": name if len(cut.components) > 1 else SHORT.get(cut.components[0], name),
                "layer": cut.layer,
                "step": step,
                "saves": millions(cut.saved),
                "lost": price,
                "known": loss is not None,
                "label": f"Apply: layer {cut.layer}, {name}, {step}",
            }
        )
    return {"rows": rows}


def signed(lost: float) -> str:
    """Write a cosine that is lost as the change that it is: 0.0062 is "−0.006", a gain of 0.0008 "+0.001"."""
    text = f"{abs(lost):.3f}"
    return ("±" if text == "0.000" else "−" if lost > 0 else "+") + text


def percentile(value: float) -> str:
    """Write a percentile as the grid does: 0 is "–", 50.0 "P50"."""
    return f"P{value:g}" if value else "–"


def next_cut_assets() -> tuple[str, str]:
    """Return (css, js) of the list."""
    return widget_assets("next_cuts")
