"""Choose the text column of a table, and the label columns to keep."""

from __future__ import annotations

from obce_core.errors import TextsError, shorten
from obce_core.texts.clean import tidy
from obce_core.texts.files.survey import Survey, has_surrogate
from obce_core.texts.sources.base import MAX_COLUMNS

USUAL_NAMES = ("text", "sentence", "sentence1")
"""Taken as the text column when none is named, in this order."""


def choose_text(table: Survey, column: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the name of the text column, and a note where it was guessed.

    Raises:
        TextsError: no column of that name (the message lists those there are), or no single candidate.
    """
    names = ", ".join(shorten(name, 40) for name in list(table.columns)[:20]) or "none"
    if column is not None:
        if column not in table.columns:
            raise TextsError(f"{table.name} has no column {shorten(column)!r}; columns: {names}.")
        return column, ()
    usual = [name for wanted in USUAL_NAMES for name in table.columns if name.lower() == wanted]
    likely = [name for name, values in table.columns.items() if values.is_running_text]
    only = list(table.columns) if len(table.columns) == 1 else likely
    if usual:
        return usual[0], (f"Column {shorten(usual[0])!r} was read, by its name.",)
    if len(only) == 1:
        return only[0], (f"Column {shorten(only[0])!r} was read, the only one with running text.",)
    raise TextsError(
        f"{table.name} has {len(only) or 'no'} columns that could be the text; columns: {names}.",
        hint="Name one with --column.",
    )


def choose_labels(table: Survey, text_column: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the columns of short labels (at most 8), tidied, and a note on those left out."""
    labels: dict[str, str] = {}
    left_out = []
    for name, values in table.columns.items():
        if name == text_column:
            continue
        key = "" if has_surrogate(name) else tidy(name)
        if not key or key == "text" or key in labels.values() or len(labels) == MAX_COLUMNS or not values.is_label:
            left_out.append(shorten(name, 40) or "(no name)")
        else:
            labels[name] = key
    if not left_out:
        return labels, ()
    more = f" and {len(left_out) - 20} more" if len(left_out) > 20 else ""
    return labels, (f"Columns left out, as no short labels or beyond {MAX_COLUMNS}: {', '.join(left_out[:20])}{more}.",)
