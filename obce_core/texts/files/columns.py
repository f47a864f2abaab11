"""List the columns of a table before one of them is read as texts."""

from __future__ import annotations

import os
from pathlib import Path

from obce_core.errors import TextsError
from obce_core.texts.files.column_choice import choose_text
from obce_core.texts.files.intake import check_is_text
from obce_core.texts.files.table import TABLES
from obce_core.texts.sources.file import File


def text_columns(spec: str | os.PathLike[str]) -> tuple[tuple[str, ...], str | None]:
    """Return the columns of a table that hold strings, in file order, and the one that would be read by itself.

    The second is None where none stands out; a plain text file has no columns.

    Raises:
        TextsError: a file that cannot be read.
    """
    path = Path(File().check(os.fspath(spec)))
    form = TABLES.get(path.suffix.lower())
    if form is None:
        return (), None
    if path.suffix.lower() != ".parquet":
        check_is_text(path)
    survey = form.survey(path)
    names = tuple(name for name, column in survey.columns.items() if column.is_text)
    try:
        return names, choose_text(survey, None)[0]
    except TextsError:
        return names, None
