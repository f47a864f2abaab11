"""Mount the widgets of `obce_core.figures.widgets`: the only module that calls `st.components.v2`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from obce_core.figures.widgets import widget_assets
from obce_core.figures.widgets.cell_map.data import cell_map_assets
from obce_core.figures.widgets.cell_view.data import cell_view_assets
from obce_core.figures.widgets.field.data import field_assets
from obce_core.figures.widgets.film.data import assets as film_assets
from obce_core.figures.widgets.gap_line.data import gap_line_assets
from obce_core.figures.widgets.leaderboard.data import leaderboard_assets
from obce_core.figures.widgets.next_cuts.data import next_cut_assets
from obce_core.figures.widgets.plan_grid.data import plan_grid_assets
from obce_core.figures.widgets.threshold.data import threshold_assets

_MAP_CSS, _MAP_JS = cell_map_assets()
_CELL_CSS, _CELL_JS = cell_view_assets()
_GRID_CSS, _GRID_JS = plan_grid_assets()
_NEXT_CSS, _NEXT_JS = next_cut_assets()
_FILM_CSS, _FILM_JS = film_assets()
_FRAME_CSS, _FRAME_JS = widget_assets("frame", "frame/history.js", "frame/script.js")
_FIELD_CSS, _FIELD_JS = field_assets()
_GAPS_CSS, _GAPS_JS = gap_line_assets()
_THRESHOLD_CSS, _THRESHOLD_JS = threshold_assets()
_BOARD_CSS, _BOARD_JS = leaderboard_assets()
_map = st.components.v2.component("obce_cellmap", html='<div class="cellmap"></div>', css=_MAP_CSS, js=_MAP_JS)
_cell = st.components.v2.component("obce_cellview", html='<div class="cellview"></div>', css=_CELL_CSS, js=_CELL_JS)
_next = st.components.v2.component("obce_nextcuts", html='<div class="nextcuts"></div>', css=_NEXT_CSS, js=_NEXT_JS)
_grid = st.components.v2.component("obce_plangrid", html='<div class="plangrid"></div>', css=_GRID_CSS, js=_GRID_JS)
_film = st.components.v2.component("obce_film", html='<div class="film"></div>', css=_FILM_CSS, js=_FILM_JS)
_field = st.components.v2.component("obce_field", html='<div class="field"></div>', css=_FIELD_CSS, js=_FIELD_JS)
_gaps = st.components.v2.component("obce_gapline", html='<div class="gapline"></div>', css=_GAPS_CSS, js=_GAPS_JS)
_threshold = st.components.v2.component(
    "obce_threshold", html='<div class="threshold"></div>', css=_THRESHOLD_CSS, js=_THRESHOLD_JS
)

_board = st.components.v2.component(
    "obce_leaderboard", html='<div class="leaderboard"></div>', css=_BOARD_CSS, js=_BOARD_JS
)


def leaderboard(
    data: Mapping[str, Any],
    *,
    key: str,
    task: str,
    row: str,
    on_task: Callable[[str], None],
    on_row: Callable[[str], None],
) -> None:
    """Show the leaderboard; call `on_task` after a click on a column's head and `on_row` after one on a row's name."""

    def forward(name: str, callback: Callable[[str], None]) -> None:
        value = (st.session_state.get(key) or {}).get(name)
        if value:
            callback(str(value))

    _board(
        key=key,
        data={**data, "task": task, "row": row},
        on_task_change=lambda: forward("task", on_task),
        on_row_change=lambda: forward("row", on_row),
    )


def cell_map(
    data: Mapping[str, Any], *, key: str, selected: tuple[int, str], on_select: Callable[[int, str], None]
) -> None:
    """Show the cell map; call `on_select` after a click or an arrow key."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("selected")
        if value:
            on_select(int(value["layer"]), str(value["component"]))

    selection = {"layer": selected[0], "component": selected[1]}
    _map(
        key=key,
        data={
            **data,
            "selected": selection,
            "rev": f"{selected[0]}.{selected[1]}",
            "signature": f"{key}:{data['signature']}",
        },
        on_selected_change=changed,
    )


def cell_view(
    data: Mapping[str, Any], *, key: str, signature: str, view: str, on_view: Callable[[str], None]
) -> int | None:
    """Show the neurons of one cell; return the neuron just opened. `on_view` is called with `head` or `rank`."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("view")
        if value in ("head", "rank"):
            on_view(value)

    result = _cell(
        key=key,
        data={**data, "signature": signature, "view": view},
        on_view_change=changed,
        on_open_change=lambda: None,
    )
    opened = result.get("open")
    return None if opened is None else int(opened)


def plan_grid(
    data: Mapping[str, Any], *, key: str, revision: int, on_edit: Callable[[dict[tuple[int, str], float]], None]
) -> None:
    """Show the plan grid; call `on_edit` after every edit, with all percentiles."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("edit")
        if value and value["rev"] == revision:
            cells = ((name.partition("."), percentile) for name, percentile in value["cells"].items())
            on_edit({(int(layer), component): float(percentile) for (layer, _, component), percentile in cells})

    shape = f"{key}:{len(data['layers'])}:{sum(cell['equal'] for cell in data['cells'])}"
    _grid(key=key, data={**data, "rev": revision, "shape": shape}, on_edit_change=changed)


def next_cut_list(data: Mapping[str, Any], *, key: str, revision: str, on_apply: Callable[[int], None]) -> None:
    """Show the cheapest next cuts; call `on_apply` after a click, with the cut's position in the list."""

    def changed() -> None:
        value = (st.session_state.get(key) or {}).get("apply")
        if value and value["rev"] == revision:
            on_apply(int(value["place"]))

    _next(key=key, data={**data, "rev": revision}, on_apply_change=changed)


def film(
    data: Mapping[str, Any],
    *,
    key: str,
    on_step: Callable[[int], None] | None = None,
    on_edge: Callable[[bool], None] | None = None,
) -> None:
    """Show a neuron's film; call `on_step` after the keys [ (-1) and ] (1), `on_edge` after the edge length switch."""

    def stepped() -> None:
        value = (st.session_state.get(key) or {}).get("step")
        if on_step is not None and value in (-1, 1):
            on_step(int(value))

    def switched() -> None:
        value = (st.session_state.get(key) or {}).get("edge")
        if on_edge is not None and isinstance(value, bool):
            on_edge(value)

    events = [name for name, callback in (("step", on_step), ("edge", on_edge)) if callback is not None]
    _film(key=key, data={**data, "events": events}, on_step_change=stepped, on_edge_change=switched)


_frame = st.components.v2.component(
    "obce_frame", html='<div class="frame"><button type="button">Copy link</button></div>', css=_FRAME_CSS, js=_FRAME_JS
)


def link_and_mode(mode: str, *, address: str = "") -> None:
    """Offer a link to this view, and rerun the page when the system changes between light and dark mode.

    `address` is the query of a session's first view, written into the current history entry; an empty one leaves it as
    it is.
    """
    _frame(key="frame", data={"mode": mode, "address": address}, on_mode_change=lambda: None)


def field(data: Mapping[str, Any], *, key: str, revision: int) -> None:
    """Show the lessons' field of points; it sends `edit` (points, radius and simplices) after every change."""
    shape = "by hand" if data["radius"] is None else "by radius"
    _field(key=key, data={**data, "rev": revision, "shape": shape}, on_edit_change=_listen)


def gap_line(data: Mapping[str, Any], *, key: str, revision: str) -> None:
    """Show a neuron's outputs on a line; it sends `percent`, the radius in percent of r_f."""
    _gaps(key=key, data={**data, "rev": revision}, on_percent_change=_listen)


def threshold(data: Mapping[str, Any], *, key: str, revision: str) -> None:
    """Show a cell's scores with a draggable percentile; it sends `percentile`."""
    _threshold(key=key, data={**data, "rev": revision}, on_percentile_change=_listen)


def said(key: str, name: str, revision: object) -> Mapping[str, Any] | None:
    """Return the last value that a component sent, or None if it refers to a revision that was replaced since.

    Pages read it while they draw: the next event may interrupt a callback, and its value would be lost.
    """
    value = (st.session_state.get(key) or {}).get(name)
    return value if value and value.get("rev") == revision else None


def _listen() -> None:
    """Make Streamlit keep the values that a component sends."""
