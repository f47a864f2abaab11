"""Which column of a table is the text, and which others are labels worth keeping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from obce_core.errors import TextsError, shorten
from obce_core.texts.clean import tidy
from obce_core.texts.intake import check_length
from obce_core.texts.source import MAX_COLUMNS, MAX_LABEL_CHARS
from obce_core.texts.table import Table

USUAL_NAMES = ("text", "sentence", "sentence1")
"""Taken as the text column when none is named, in this order."""

_LOOKED_AT = 1000


def choose_text(table: Table, column: str | None) -> tuple[str, tuple[str, ...]]:
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
    likely = [name for name, values in table.columns.items() if _is_text_like(values[:_LOOKED_AT])]
    only = list(table.columns) if len(table.columns) == 1 else likely
    if usual:
        return usual[0], (f"Column {shorten(usual[0])!r} was read, by its name.",)
    if len(only) == 1:
        return only[0], (f"Column {shorten(only[0])!r} was read, the only one with running text.",)
    raise TextsError(
        f"{table.name} has {len(only) or 'no'} columns that could be the text; columns: {names}.",
        hint="Name one with --column.",
    )


def texts_of(table: Table, column: str) -> list[str]:
    """Return a column's strings; null is empty. Raise `TextsError` naming the row that holds something else."""
    texts = []
    for value, place in zip(table.columns[column], table.places, strict=True):
        where = f"{table.name} {place}"
        if value is not None and not isinstance(value, str):
            raise TextsError(f"{where}: {shorten(column)!r} is {type(value).__name__}, expected a string.")
        text = value or ""
        check_length(text, where)
        if _has_surrogate(text):
            raise TextsError(f"{where}: {shorten(column)!r} holds half of a surrogate pair, which is no character.")
        texts.append(text)
    return texts


def labels_of(table: Table, text_column: str) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Return the other columns that are short labels (at most 8), and a note naming those left out."""
    labels: dict[str, list[str]] = {}
    left_out = []
    for name, values in table.columns.items():
        key = tidy(name)
        if name == text_column:
            continue
        usable = key and key != "text" and key not in labels and not _has_surrogate(key)
        if not usable or len(labels) == MAX_COLUMNS or not all(map(_is_label, values)):
            left_out.append(shorten(name, 40) or "(no name)")
            continue
        labels[key] = ["" if value is None else tidy(str(value)) for value in values]
    if not left_out:
        return labels, ()
    more = f" and {len(left_out) - 20} more" if len(left_out) > 20 else ""
    return labels, (f"Columns left out, as no short labels or beyond {MAX_COLUMNS}: {', '.join(left_out[:20])}{more}.",)


def _is_text_like(values: Sequence[Any]) -> bool:
    """Say whether most of a column's values are strings of two words or more."""
    filled = [value for value in values if value is not None and value != ""]
    return bool(filled) and sum(isinstance(v, str) and len(v.split(None, 1)) > 1 for v in filled) * 2 > len(filled)


def _is_label(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() < 3 * MAX_LABEL_CHARS  # digits of a huge number cost quadratic time
    if isinstance(value, str):
        return len(value) <= MAX_LABEL_CHARS and not _has_surrogate(value)
    return value is None or isinstance(value, bool)


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
