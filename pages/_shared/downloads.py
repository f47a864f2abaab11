"""The row of downloads under a figure: PNG, SVG, HTML and CSV. Files are generated when the user clicks."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import streamlit as st

from obce_core.errors import ObceError
from obce_core.figures.images import FORMATS, image_request, missing
from pages._shared import background, layout

_FORMULA = ("=", "+", "-", "@", "\t", "\0", "\r")

Data = str | bytes | Callable[[], str | bytes]


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV; a text that a spreadsheet would run as a formula is prefixed with an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            [f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value for value in row]
        )
    return stream.getvalue()


def row(
    name: str,
    *,
    csv_text: Data | None = None,
    figure: Any = None,
    html: Data | None = None,
    label: str = "",
    units: tuple[str, str] = ("", ""),
) -> None:
    """Offer a figure and its data for download; a callable is called when the user clicks.

    `figure` is a Plotly figure or a callable that returns one; it gives PNG, SVG and HTML. `html` is a whole page, for
    our own widgets. `label` names the figure where several rows stand together. `units` are the suffixes of the
    picture's and the data's file names (see `figures.units.file_units`).
    """
    make = figure if callable(figure) else lambda: figure
    offers: list[tuple[str, Data, str, str]] = []
    reason = missing() if figure is not None else ""
    if figure is not None:
        if not reason:
            offers += [(title, _picture(make, form), form, media) for form, (title, media) in FORMATS.items()]
        html = html or (lambda: make().to_html(include_plotlyjs=True, config={"displayModeBar": False}))
    if html is not None:
        offers.append(("HTML", html, "html", "text/html"))
    if csv_text is not None:
        offers.append(("CSV", csv_text, "csv", "text/csv"))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if label:
            st.caption(label, width="content")
        for form, data, suffix, media in offers:
            end = units[suffix == "csv"]
            file = f"{name}-{end}.{suffix}" if end else f"{name}.{suffix}"
            st.download_button(form, data, file, media, key=f"{suffix}-{name}", type="tertiary", on_click="ignore")
        if reason:
            st.caption(reason)


def _picture(make: Callable[[], Any], form: str) -> Callable[[], bytes]:
    """Return a function that draws the picture in the background worker; only the page's thread knows the mode."""
    mode, wait = layout.mode(), background.waiter()

    def draw() -> bytes:
        answer = wait("image", image_request(make(), form, mode=mode))
        if answer.state != "done":
            raise ObceError(answer.reason)
        return base64.b64decode(answer.value)

    return draw
