"""Show a Plotly figure on a page, with its downloads below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from obce_core.figures.images import enlarge
from pages._shared import downloads, state
from pages._shared.downloads import Data


def show(
    figure: Any, *, key: str, name: str = "", csv_text: Data | None = None, units: tuple[str, str] = ("", "")
) -> None:
    """Draw a figure, larger in presentation; with a `name`, offer it for download (`units` as in `downloads.row`)."""
    drawn = enlarge(figure) if state.get().presentation else figure
    st.plotly_chart(drawn, theme=None, config={"displayModeBar": False}, key=key)
    if name:
        downloads.row(name, figure=figure, csv_text=csv_text, units=units)


def choose(figure: Any, *, key: str, on_pick: Callable[[list[Any]], None]) -> None:
    """Draw a figure with clickable points; call `on_pick` after a click, with the point's custom data."""

    def changed() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            on_pick(list(points[0]["customdata"]))

    drawn = enlarge(figure) if state.get().presentation else figure
    config = {"displayModeBar": False}
    st.plotly_chart(drawn, theme=None, config=config, key=key, on_select=changed, selection_mode="points")
