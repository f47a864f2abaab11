"""Our own components, mounted: the cell map, one cell, the plan grid and the film. Their files lie in `obce_core/figures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from obce_core.figures.cellmap import cell_map_assets
from obce_core.figures.cellview import cell_view_assets
from obce_core.figures.film import assets as film_assets
from obce_core.figures.plangrid import plan_grid_assets
from obce_core.figures.theme import frame_assets

_MAP_CSS, _MAP_JS = cell_map_assets()
_CELL_CSS, _CELL_JS = cell_view_assets()
_GRID_CSS, _GRID_JS = plan_grid_assets()
_FILM_CSS, _FILM_JS = film_assets()
_FRAME_CSS, _FRAME_JS = frame_assets()
_map = st.components.v2.component("obce_cellmap", html='<div class="cellmap"></div>', css=_MAP_CSS, js=_MAP_JS)
_cell = st.components.v2.component("obce_cellview", html='<div class="cellview"></div>', css=_CELL_CSS, js=_CELL_JS)
_grid = st.components.v2.component("obce_plangrid", html='<div class="plangrid"></div>', css=_GRID_CSS, js=_GRID_JS)
_film = st.components.v2.component("obce_film", html='<div class="film"></div>', css=_FILM_CSS, js=_FILM_JS)


def cell_map(data: Mapping[str, Any], *, key: str, selected: tuple[int, str], on_select: Callable[[int, str], None]) -> None:
    """Show the cell map; `on_select` hears of a click or an arrow."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("selected")
        if value:
            on_select(int(value["layer"]), str(value["component"]))

    chosen = {"layer": selected[0], "component": selected[1]}
    _map(
        key=key, data={**data, "selected": chosen, "rev": f"{selected[0]}.{selected[1]}", "signature": f"{key}:{data['signature']}"},
        on_selected_change=changed,
    )  # fmt: skip


def cell_view(data: Mapping[str, Any], *, key: str, signature: str, view: str, on_view: Callable[[str], None]) -> int | None:
    """Show one cell's neurons; return the neuron that was opened just now. `on_view` hears of `head` or `rank`."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("view")
        if value in ("head", "rank"):
            on_view(value)

    result = _cell(
        key=key, data={**data, "signature": signature, "view": view}, on_view_change=changed, on_open_change=lambda: None
    )  # fmt: skip
    opened = result.get("open")
    return None if opened is None else int(opened)


def plan_grid(data: Mapping[str, Any], *, key: str, revision: int, on_edit: Callable[[dict[tuple[int, str], float]], None]) -> None:
    """Show the plan grid; `on_edit` hears of every edit, with all percentiles."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("edit")
        if value and value["rev"] == revision:
            named = ((name.partition("."), percentile) for name, percentile in value["cells"].items())
            on_edit({(int(layer), component): float(percentile) for (layer, _, component), percentile in named})

    shape = f"{key}:{len(data['layers'])}:{sum(cell['equal'] for cell in data['cells'])}"
    _grid(key=key, data={**data, "rev": revision, "shape": shape}, on_edit_change=changed)


def film(data: Mapping[str, Any], *, key: str) -> None:
    """Show a neuron's film."""
    _film(key=key, data=dict(data))


_frame = st.components.v2.component(
    "obce_frame", html='<div class="frame"><button type="button">Copy link</button></div>', css=_FRAME_CSS, js=_FRAME_JS
)


def link_and_mode(mode: str) -> None:
    """Offer the address of this view, and run again when the system changes between light and dark."""
    _frame(key="frame", data={"mode": mode}, on_mode_change=lambda: None)
