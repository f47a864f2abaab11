"""The quiet row under a figure: its picture as PNG, SVG and HTML, its data as CSV. What is made takes its time at the
click."""

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
    """Write rows as CSV; a text that a spreadsheet would run as a formula is quoted by an apostrophe."""
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
    """Offer what there is of a figure for download; a callable is called at the click.

    `figure` is a Plotly figure, or what makes one: it gives PNG, SVG and HTML. `html` is a whole page, for figures of
        our own.
    `label` names the figure where several rows stand together. `units` end the names of the picture's and of the data's
    files (see `figures.units.file_units`).
    """
    make = figure if callable(figure) else lambda: figure
    offers: list[tuple[str, Data, str, str]] = []
    lack = missing() if figure is not None else ""
    if figure is not None:
        if not lack:
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
        if lack:
            st.caption(lack)


def _picture(make: Callable[[], Any], form: str) -> Callable[[], bytes]:
    """Draw on request, in the background worker; the page's thread knows the mode, the thread of the click does not."""
    mode, wait = layout.mode(), background.waiter()

    def draw() -> bytes:
        answer = wait("image", image_request(make(), form, mode=mode))
        if answer.state != "done":
            raise ObceError(answer.reason)
        return base64.b64decode(answer.value)

    return draw
