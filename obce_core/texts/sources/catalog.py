"""The registry of text sources: a new source is a file and a row here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from obce_core.errors import TextsError, UnknownName
from obce_core.texts.sources.base import TextSource
from obce_core.texts.sources.demo import Demo
from obce_core.texts.sources.file import ENDINGS, File
from obce_core.texts.sources.glue import Glue
from obce_core.texts.sources.wikipedia import Wikipedia

SOURCES: dict[str, TextSource] = {
    "demo": Demo(),
    "wikipedia": Wikipedia(),
    "glue": Glue(),
    "file": File(),
}


def parse_source(spec: str | os.PathLike[str], sources: Mapping[str, TextSource] = SOURCES) -> tuple[TextSource, str]:
    """Find the source that a spec names, and its checked argument, without reading any text.

    A known name wins over a file of that name (write `./demo` for the file). Anything else is a path.

    Raises:
        TextsError: a path that is not a readable regular file, or an argument that the source refuses.
        UnknownName: neither a known name nor anything that looks like a path; the known ones are listed.
    """
    text = os.fspath(spec)
    if not isinstance(text, str) or not text.strip():
        raise TextsError("No source of texts was given.", hint=f"Known: {_usages(sources)}.")
    name, colon, argument = text.partition(":")
    if name in sources and (colon or name != "file") and isinstance(spec, str):
        return sources[name], sources[name].check(argument)
    looks_like_path = not isinstance(spec, str) or os.sep in text or "\\" in text or text.lower().endswith(ENDINGS)
    if not looks_like_path and not _exists(text):
        raise UnknownName("source of texts", text, [source.usage for source in sources.values()])
    try:
        return sources["file"], sources["file"].check(text)
    except TextsError as error:
        if not error.message.startswith("No such file"):
            raise
        raise TextsError(error.message, hint=f"Known sources: {_usages(sources)}.") from None


def _exists(text: str) -> bool:
    try:
        return os.path.lexists(Path(text).expanduser())
    except RuntimeError:  # "~nobody" names no home
        return False


def _usages(sources: Mapping[str, TextSource]) -> str:
    return ", ".join(source.usage for source in sources.values())
