"""Checks of untrusted files before they are opened."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import BinaryIO

from obce_core import settings
from obce_core.errors import TextsError, shorten

HEAD_BYTES = 8192
"""What a file is gets decided by this many bytes."""

_SIGNATURES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive (or an office document)",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a parquet file",
    b"\x7fELF": "a program",
    b"SQLite format 3\0": "a database",
}
_BINARY_SHARE = 0.3
"""A stray NUL is only a control character to remove; from this share of control bytes on, a file is not text."""


def check_file(path: Path) -> os.stat_result:
    """Refuse what is absent, not a regular file, empty, or too large, without opening it (a FIFO would block)."""
    name = display(path)
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise TextsError(f"No such file: {shorten(path, 200)}.") from None
    except OSError as error:
        raise TextsError(f"Cannot read {shorten(path, 200)}: {error.strerror or error}.") from None
    if not stat.S_ISREG(facts.st_mode):
        kind = "a folder" if stat.S_ISDIR(facts.st_mode) else "a pipe or device"
        raise TextsError(f"{name} is not a regular file (it is {kind}).", hint="Give a file of texts.")
    if not facts.st_size:
        raise TextsError(f"{name} is empty.", hint="Give a file with at least 2 different texts.")
    if facts.st_size > settings.MAX_TEXT_FILE_BYTES:
        limit = settings.MAX_TEXT_FILE_BYTES
        raise TextsError(f"{name} has {facts.st_size:,} bytes; limit {limit:,}.", hint="Give a part of it.")
    return facts


def open_file(path: Path) -> BinaryIO:
    """Open a checked file; what took its place since the check is refused as well, without blocking."""
    check_file(path)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise TextsError(f"Cannot read {shorten(path, 200)}: {error.strerror or error}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise TextsError(f"{display(path)} is not a regular file.")
    return os.fdopen(handle, "rb")


def check_is_text(path: Path) -> None:
    """Refuse images, archives, other binary files and UTF-16, by the first 8 kB."""
    with open_file(path) as stream:
        head = stream.read(HEAD_BYTES)
    name = display(path)
    if _is_utf16(head):
        raise TextsError(f"{name} is UTF-16; expected UTF-8.", hint="Save it as UTF-8 and give it again.")
    what = next((what for signature, what in _SIGNATURES.items() if head.startswith(signature)), "")
    if what or _is_binary(head):
        raise TextsError(f"{name} is {what or 'a binary file'}, not text.", hint="Give UTF-8 text.")


def check_length(text: str, where: str) -> None:
    """Refuse a text above 1,000,000 characters, naming its place (`notes.txt line 7`)."""
    if len(text) > settings.MAX_TEXT_CHARS:
        raise too_long(len(text), where)


def too_long(length: int, where: str, limit: int | None = None) -> TextsError:
    """Build the error for a text beyond the limit."""
    return TextsError(
        f"{where} is {length:,} characters; limit {limit or settings.MAX_TEXT_CHARS:,}.",
        hint="Cut it into shorter texts, one a line.",
    )


def display(path: Path) -> str:
    """Return a file's base name as one readable word."""
    return shorten(path.name or str(path), 120)


def _is_utf16(head: bytes) -> bool:
    """Recognise UTF-16 and UTF-32 by their mark, or by a NUL in most pairs of bytes, always on one side."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    even, odd = head[::2], head[1::2]
    share_even, share_odd = even.count(0) / max(1, len(even)), odd.count(0) / max(1, len(odd))
    return len(head) >= 4 and max(share_even, share_odd) > 0.7 and min(share_even, share_odd) < 0.1


def _is_binary(head: bytes) -> bool:
    """Return True if NUL bytes come with bytes that are not UTF-8, or control bytes make up much of the head."""
    if 0 not in head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut in two
    except UnicodeDecodeError:
        return True
    control = sum(byte < 32 and byte not in b"\t\n\r\f\v" for byte in head)
    return control / len(head) >= _BINARY_SHARE
