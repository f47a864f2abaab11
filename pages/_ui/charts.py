"""A Plotly figure on a page: one way to show it, with its downloads below."""

from __future__ import annotations

from typing import Any

import streamlit as st

from obce_core.figures.images import enlarge
from pages._ui import downloads, state
from pages._ui.downloads import Data


def show(figure: Any, *, key: str, name: str = "", csv_text: Data | None = None) -> None:
    """Draw a figure, larger in presentation; with a `name`, offer it for download."""
    shown = enlarge(figure) if state.get().presentation else figure
    st.plotly_chart(shown, theme=None, config={"displayModeBar": False}, key=key)
    if name:
        downloads.row(name, figure=figure, csv_text=csv_text)


def choose(figure: Any, *, key: str) -> list[Any] | None:
    """Draw a figure whose points can be clicked; return the custom data of the one that was clicked, or None."""
    shown = enlarge(figure) if state.get().presentation else figure
    told = st.plotly_chart(
        shown, theme=None, config={"displayModeBar": False}, key=key, on_select="rerun", selection_mode="points"
    )  # fmt: skip
    points = told["selection"]["points"]
    return list(points[0]["customdata"]) if points else None
