"""Lines of a UTF-8 file in bounded memory, with numbers that errors can name."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

from obce_core import settings
from obce_core.errors import TextsError
from obce_core.texts.files.budget import Budget
from obce_core.texts.files.intake import check_is_text, display, open_file, too_long

_CHUNK = 1 << 20
_LABEL_END = re.compile(r"([,;|])-?\d{1,2}$", re.ASCII)
_LOOKED_AT = 200
_LINE_END = re.compile(rb"\r\n|\r|\n")


def numbered_lines(path: Path, *, limit: int | None = None) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end); a byte order mark is dropped.

    Lines end at LF, CR LF or CR, as in Python's text mode. A line beyond `limit` characters (default: the limit of a
    text) is counted to its end but never held.

    Raises:
        TextsError: not a regular file, binary, UTF-16, not UTF-8 (with byte offset and line), or a line too long.
    """
    check_is_text(path)
    limit = settings.MAX_TEXT_CHARS if limit is None else limit
    number, length = 1, 0
    parts: list[str] = []
    for text in _decoded(path):
        *ended, rest = text.split("\n")
        for piece in ended:
            length += len(piece)
            if length > limit:
                raise too_long(length, f"{display(path)} line {number}", limit)
            yield number, "".join((*parts, piece))
            number, parts, length = number + 1, [], 0
        length += len(rest)
        parts = [*parts, rest] if length <= limit else []
    if length > limit:
        raise too_long(length, f"{display(path)} line {number}", limit)
    if length:
        yield number, "".join(parts)


def read_txt(path: Path) -> list[str]:
    """Read a text a line, freed of surrounding whitespace; blank lines stay (and are counted when they are dropped).

    Raises:
        TextsError: see `numbered_lines`; texts beyond the limit of memory; lines that are rows of a table.
    """
    budget = Budget(display(path))
    texts: list[str] = []
    for number, line in numbered_lines(path):
        text = line.strip()
        budget.take_text(text, number)
        texts.append(text)
        if len(texts) == _LOOKED_AT:
            _check_is_no_table(path, texts)
    if len(texts) < _LOOKED_AT:
        _check_is_no_table(path, texts)
    return texts


def _check_is_no_table(path: Path, lines: list[str]) -> None:
    """Refuse lines that look like a table: equally many tabs, or each ends with a number after one separator."""
    rows = [line for line in lines if line]
    tabs = {line.count("\t") for line in rows}
    if len(rows) > 1 and len(tabs) == 1 and tabs != {0}:
        raise TextsError(
            f"{display(path)} is a table: every line has {tabs.pop() + 1} fields, separated by tabs.",
            hint="Name it .tsv, with the names of the columns in the first line, or remove the tabs.",
        )
    ends = {match[1] for match in map(_LABEL_END.search, rows) if match} if all(map(_LABEL_END.search, rows)) else set()
    if len(rows) > 2 and len(ends) == 1:
        raise TextsError(
            f"{display(path)} is a table: every line ends with {ends.pop()!r} and a number.",
            hint="Name it .csv, with the names of the columns in the first line, or remove the numbers.",
        )


def _decoded(path: Path) -> Iterator[str]:
    """Yield a file's text in chunks, line ends as LF."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
    done, ends = 0, 0
    with open_file(path) as stream:
        while True:
            chunk = stream.read(_CHUNK)
            done += len(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                offset = done - len(error.object) + error.start
                line = 1 + ends + len(_LINE_END.findall(error.object[: error.start]))
                byte = f"byte 0x{error.object[error.start]:02x} at offset {offset}, line {line}"
                raise TextsError(
                    f"{display(path)} is not UTF-8: {byte}.",
                    hint="Save it as UTF-8 and give it again.",
                ) from None
            ends += text.count("\n")
            yield text
            if not chunk:
                return
