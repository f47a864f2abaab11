"""The tree of errors, one class for each failure that a user can distinguish.

::

    ObceError
    ├── BadInput             what was given cannot be used; exit code 2
    │   ├── ModelError       a model folder or hub id
    │   │   └── ConfigError  its config.json
    │   ├── TextsError       a source of texts
    │   │   └── TooFewTexts  fewer different ones than were asked for
    │   ├── PlanError        a plan, an intent, a percentile
    │   ├── AnalysisError    an analysis folder or id
    │   ├── PathError        a path that is refused, exists, or cannot be written
    │   │   └── DiskFull     no space left for a file
    │   ├── UnknownName      a name outside its table
    │   └── Offline          the network is needed and not there
    ├── NotFinite            NaN or inf where numbers were expected
    ├── Mismatch             two things that must agree do not (planned and built shapes)
    ├── Superseded           a newer attempt of the same run has begun; the older one may write nothing
    └── Cancelled            the operation was cancelled

A message says what happened and where, what was expected and what was found; ``hint`` says what to do.
Messages are plain text for people: one line, no traceback, no markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import takewhile


class ObceError(Exception):
    """The root of all errors that this package raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = " ".join(str(message).split())
        self.hint = " ".join(str(hint).split())
        super().__init__(f"{self.message} {self.hint}".strip())


class BadInput(ObceError):
    """What was given cannot be used."""

    exit_code = 2


class ModelError(BadInput):
    """A model that is not there, is damaged, or cannot be cut."""


class ConfigError(ModelError):
    """A config.json with a field that is missing, out of range, or of the wrong type."""


class TextsError(BadInput):
    """Texts that cannot be read, or too few of them."""


class TooFewTexts(TextsError):
    """Fewer different texts than were asked for; `available` says how many there are."""

    def __init__(self, message: str, *, hint: str = "", available: int) -> None:
        super().__init__(message, hint=hint)
        self.available = available


class PlanError(BadInput):
    """A plan, intent or percentile that cannot be carried out."""


class AnalysisError(BadInput):
    """An analysis that is not there or is damaged."""


class PathError(BadInput):
    """A path that is refused, already taken, or cannot be written."""


class DiskFull(PathError):
    """There is no space left for a file; the message states how much is needed, where, and how much is free."""


class UnknownName(BadInput):
    """A name that is not in its table; the message lists the known ones."""

    def __init__(self, what: str, name: object, known: Iterable[str]) -> None:
        names = list(known)
        close = get_close_matches(shorten(name, 100), names, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(f"Unknown {what} {shorten(name)!r}; known: {', '.join(names)}.{guess}")


class NotFinite(ObceError):
    """NaN or inf where numbers were expected."""

    exit_code = 2


class Mismatch(ObceError):
    """Two things that must agree do not."""


class Offline(BadInput):
    """The network is needed and cannot be reached (or must not be)."""


class Superseded(ObceError):
    """A newer attempt of the same run has begun; the older one may write nothing."""

    exit_code = 3


class Cancelled(ObceError):
    """The operation was cancelled."""

    exit_code = 130


_MOST_BITS = 14_000
"""Python refuses to write whole numbers of more than 4,300 digits, and takes quadratic time for them."""


def shorten(value: object, limit: int = 60) -> str:
    """Cut untrusted text so that a message stays one readable line; the cost does not grow with the value."""
    if not isinstance(value, str):
        value = _brief(value, limit)
    head = value[: limit + 1]
    text = "".join(c if c.isprintable() else "?" for c in head)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _brief(value: object, limit: int) -> str:
    """Return `str(value)`, or its beginning where a container or a number is large."""
    budget = limit + 1

    def trimmed(item: object) -> object:
        nonlocal budget
        budget -= 1
        if isinstance(item, str):
            return item[: limit + 1]
        if isinstance(item, int) and item.bit_length() > _MOST_BITS:
            return f"a number of about {item.bit_length() * 3 // 10:,} digits"
        if isinstance(item, (list, tuple)) and type(item) in (list, tuple):
            return type(item)(trimmed(entry) for entry in takewhile(lambda _: budget > 0, item))
        if type(item) is dict:
            return {trimmed(key): trimmed(entry) for key, entry in takewhile(lambda _: budget > 0, item.items())}
        return item

    return str(trimmed(value))
