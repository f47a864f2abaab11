"""The user's own file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from obce_core.errors import TextsError, UnknownName
from obce_core.storage import digests
from obce_core.texts.files.column_choice import choose_labels, choose_text
from obce_core.texts.files.intake import check_file, check_is_text, display
from obce_core.texts.files.lines import read_txt
from obce_core.texts.files.table import TABLES, read_table
from obce_core.texts.sentences import MAX_WORDS, MIN_WORDS, cut_sentences, has_good_length
from obce_core.texts.sources.base import RawTexts, Request

SPLITS = ("periods",)
"""How longer texts can be cut."""

ENDINGS = (".txt", *TABLES)


@dataclass(frozen=True)
class File:
    """A text file, or a table with a column of texts."""

    name: ClassVar[str] = "file"
    title: ClassVar[str] = "Your file"
    usage: ClassVar[str] = "FILE"
    describe: ClassVar[str] = "Your own file: .txt (a line is a text), or .csv, .tsv, .jsonl, .parquet with a column."
    options: ClassVar[frozenset[str]] = frozenset({"column", "split"})

    def check(self, argument: str) -> str:
        """Refuse what is not a regular file of a known ending; nothing is opened."""
        try:
            path = Path(argument).expanduser()
        except RuntimeError:  # "~nobody" names no home
            path = Path(argument)
        check_file(path)
        if path.suffix.lower() not in ENDINGS:
            raise TextsError(
                f"{display(path)} has none of the endings {', '.join(ENDINGS)}.",
                hint="Rename it, or export it as .txt.",
            )
        return str(path)

    def load(self, request: Request) -> RawTexts:
        """Read the texts and short labels; with `split="periods"`, their sentences."""
        path = Path(self.check(request.argument))
        if request.split not in (None, *SPLITS):
            raise UnknownName("split", request.split, SPLITS)
        form = TABLES.get(path.suffix.lower())
        notes: tuple[str, ...] = ()
        columns: dict[str, list[str]] = {}
        if form is None:
            if request.column is not None:
                raise TextsError(f"{display(path)} is plain text and has no columns.", hint="Leave --column out.")
            texts = read_txt(path)
        else:
            if path.suffix.lower() != ".parquet":
                check_is_text(path)
            survey = form.survey(path)
            column, guessed = choose_text(survey, request.column)
            chosen, left_out = choose_labels(survey, column)
            table = read_table(path, column, chosen)
            texts, columns = table.texts, table.labels
            notes = (*survey.notes, *guessed, *left_out)
        if request.split:
            texts, columns, cut = _split(texts, columns)
            notes = (*notes, cut)
        source = f"file:{display(path)}#sha256={digests.file_sha256(path)}"
        return RawTexts(texts=texts, columns=columns, source=source, name=display(path), notes=notes)


def _split(texts: list[str], columns: dict[str, list[str]]) -> tuple[list[str], dict[str, list[str]], str]:
    """Cut texts into sentences; each keeps the labels of its text."""
    sentences: list[str] = []
    rows: list[int] = []
    dropped = 0
    for row, text in enumerate(texts):
        for sentence in cut_sentences(text):
            if has_good_length(sentence):
                sentences.append(sentence)
                rows.append(row)
            else:
                dropped += 1
    note = f"Cut at periods; pieces of fewer than {MIN_WORDS} or more than {MAX_WORDS} words, left out: {dropped:,}."
    return sentences, {name: [values[row] for row in rows] for name, values in columns.items()}, note
