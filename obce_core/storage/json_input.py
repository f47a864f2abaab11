"""Parse untrusted JSON: linear scans check size, depth and number of values before the parser runs."""

from __future__ import annotations

import json
import re
from typing import Any

from obce_core.errors import BadInput, shorten
from obce_core.settings import MAX_DEPTH
from obce_core.storage.document import decode, finite, require_object, whole

MAX_VALUES = 1_000_000
"""Values (and keys) of one document. An empty object takes two bytes of the file and 64 of memory."""

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(raw: bytes, name: str, *, limit: int, error: type[BadInput]) -> dict[str, Any]:
    """Parse a JSON object: UTF-8, bounded in size, depth and values, without NaN and duplicate keys.

    Takes linear time, and at most about 100 bytes of memory a value beside the text itself.

    Raises:
        BadInput: of the given class, naming the document, and the line and column where that helps.
    """
    text = decode(raw, name, limit, error)
    try:
        value = _load(raw, text, MAX_VALUES)
    except json.JSONDecodeError as fault:
        raise error(f"{name} is not valid JSON at line {fault.lineno} column {fault.colno}.") from None
    except Excess as fault:
        raise error(f"{name} {fault}.") from None
    except UnicodeEncodeError:
        raise error(f"{name} holds invalid Unicode (half of a surrogate pair).") from None
    except (ValueError, RecursionError) as fault:
        raise error(f"{name} is not valid JSON: {shorten(fault)}.") from None
    return require_object(value, name, error)


def load_json(raw: bytes, *, max_values: int = MAX_VALUES, constants: bool = False, surrogates: bool = False) -> Any:
    """Parse JSON of any kind within the limits of `parse_json`, its size excepted.

    `constants` accepts NaN and Infinity, `surrogates` half of a surrogate pair, which the caller then looks for.

    Raises:
        ValueError: what is wrong, in words (`json.JSONDecodeError` has the place); UnicodeError: not UTF-8.
    """
    return _load(raw, raw.decode("utf-8-sig"), max_values, constants=constants, surrogates=surrogates)


def scan(raw: bytes, max_values: int) -> tuple[int, int]:
    """Return the number of separators and brackets outside of strings, and how deep the brackets nest, in linear time.

    The first is at least the number of values less one. Scanning ends early beyond `max_values`.
    """
    if b"\\" in raw:
        raw = raw.replace(rb"\\", b"").replace(
            rb"\"", b""
        )  # in this order: what is left of a run of backslashes is its parity
    quotes = raw.count(b'"')
    if quotes > 2 * max_values:
        return quotes // 2, 0
    plain = b"".join(raw.split(b'"')[::2])
    count = sum(map(plain.count, (b",", b":", b"[", b"{")))
    if count > max_values:
        return count, 0
    depth = deepest = 0
    for bracket in plain.translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return count, deepest


class Excess(ValueError):
    """A document beyond a limit of depth or number of values."""


def _load(raw: bytes, text: str, max_values: int, *, constants: bool = False, surrogates: bool = False) -> Any:
    count, depth = scan(raw, max_values)
    if count > max_values:
        raise Excess(f"holds more than {max_values:,} values")
    if depth > MAX_DEPTH:
        raise Excess(f"is nested deeper than {MAX_DEPTH} levels")
    hooks: dict[str, Any] = {} if constants else {"parse_constant": _no_constant, "parse_float": finite}
    value = json.loads(text, parse_int=whole, object_pairs_hook=_no_duplicates, **hooks)
    if not surrogates and _SURROGATE.search(raw):
        _check_unicode(value)
    return value


def _check_unicode(value: Any) -> None:
    """Raise UnicodeEncodeError if a string or key holds half of a surrogate pair."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            item.encode("utf-8")
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += item.keys()
            stack += item.values()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        visited: set[str] = set()
        for key, _ in pairs:
            if key in visited:
                raise ValueError(f"duplicate key {shorten(key)!r}")
            visited.add(key)
    return entries
