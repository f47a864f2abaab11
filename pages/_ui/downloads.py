"""The quiet row under a figure: its picture as HTML, its data as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

_FORMULA = ("=", "+", "-", "@", "\t", "\0", "\r")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write rows as CSV; a text that a spreadsheet would run as a formula is quoted by an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value for value in row])
    return stream.getvalue()


def row(name: str, *, csv_text: str | None = None, figure: Any = None, html: str | None = None) -> None:
    """Offer what there is of a figure for download."""
    columns = st.columns([1, 1, 6])
    if csv_text is not None:
        columns[0].download_button("CSV", csv_text, f"{name}.csv", "text/csv", key=f"csv-{name}", type="tertiary", on_click="ignore")
    if figure is not None:
        columns[1].download_button(
            "HTML",
            lambda: figure.to_html(include_plotlyjs=True),
            f"{name}.html",
            "text/html",
            key=f"html-{name}",
            type="tertiary",
            on_click="ignore",
        )
    if html is not None:
        columns[1].download_button("HTML", html, f"{name}.html", "text/html", key=f"html-{name}", type="tertiary", on_click="ignore")
