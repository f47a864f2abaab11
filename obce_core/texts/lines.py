"""Lines of a UTF-8 file in bounded memory, with numbers that errors can name."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

from obce_core import settings
from obce_core.errors import TextsError
from obce_core.texts.intake import check_is_text, display, open_file, too_long

_CHUNK = 1 << 20
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
    """Read a text a line, as it is; blank lines stay (and are counted when they are dropped)."""
    return [line for _, line in numbered_lines(path)]


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
