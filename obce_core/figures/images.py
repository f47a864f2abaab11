"""Images of Plotly figures: the request to the background worker, and what is missing on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from functools import cache
from typing import Any

import plotly.graph_objects as go

from obce_core.figures.theme import palette

FORMATS = {"png": ("PNG", "image/png"), "svg": ("SVG", "image/svg+xml")}
"""Label and media type of each form."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_WIDTH, _HEIGHT = 960, 420


@cache
def missing() -> str:
    """Say what PNG and SVG lack on this machine, or return an empty text (looked up once a process)."""
    if importlib.util.find_spec("kaleido") is None:
        return "PNG and SVG need kaleido: pip install 'obce[images]'"
    if not os.environ.get("BROWSER_PATH") and not any(map(shutil.which, _BROWSERS)):
        return "PNG and SVG need Chrome or Chromium on the server"
    return ""


def image_request(figure: go.Figure, form: str, *, mode: str) -> dict[str, Any]:
    """Return the arguments of the background function `image`: the figure on its background, PNG at double size."""
    restyled = go.Figure(figure).update_layout(
        paper_bgcolor=palette(mode).background, margin={"l": 24, "r": 24, "t": 32, "b": 24}
    )
    return {
        "figure": json.loads(restyled.to_json()),
        "format": form,
        "width": figure.layout.width or _WIDTH,
        "height": (figure.layout.height or _HEIGHT) + 48,
        "scale": 2 if form == "png" else 1,
    }


def enlarge(figure: go.Figure, *, text: float = 1.27, stroke: float = 1.4) -> go.Figure:
    """Return the figure for a projector: letters and lines larger by these factors, places unchanged."""
    larger: dict[str, Any] = json.loads(figure.to_json())
    _scale(larger, text, stroke, ())
    return go.Figure(larger)


def _scale(node: Any, text: float, stroke: float, path: tuple[str, ...]) -> None:
    if isinstance(node, list):
        for entry in node:
            _scale(entry, text, stroke, path)
    elif isinstance(node, dict):
        for name, value in node.items():
            within = (path[-1] if path else "", name)
            if within == ("font", "size") or (path and path[-1].endswith("font") and name == "size"):
                node[name] = value * text
            elif within == ("line", "width") and isinstance(value, (int, float)):
                node[name] = value * stroke
            else:
                _scale(value, text, stroke, (*path, name))
