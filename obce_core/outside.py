"""Parse JSON and YAML that nobody vouches for: bounded, without surprises, with the line in the message."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from obce_core.errors import BadInput, shorten
from obce_core.settings import MAX_DEPTH, MAX_PLAN_YAML_BYTES

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_SURPRISES = re.compile(
    r"(?i)(y|n|yes|no|on|off|~|[-+]?0[0-9_]+|0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|"
    r"[-+]?(\d[\d_]*)?\.?\d*e[-+]?\d+|[-+]?\.?(inf|nan)|\d{4}-\d{1,2}-\d{1,2}.*|\+\d+)"
)


def parse_json(raw: bytes, name: str, *, limit: int, error: type[BadInput]) -> dict[str, Any]:
    """Parse a JSON object: UTF-8 (a BOM is accepted), bounded size and depth, no NaN, no duplicate keys.

    Raises:
        BadInput: of the given class, naming the document, and the line and column where that helps.
    """
    text = _text(raw, name, limit, error)
    if json_depth(text) > MAX_DEPTH:
        raise error(f"{name} is nested deeper than {MAX_DEPTH} levels.")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_duplicates)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as fault:
        raise error(f"{name} is not valid JSON at line {fault.lineno} column {fault.colno}.") from None
    except UnicodeEncodeError:
        raise error(f"{name} holds invalid Unicode (half of a surrogate pair).") from None
    except (ValueError, RecursionError) as fault:
        raise error(f"{name} is not valid JSON: {shorten(fault)}.") from None
    return _object(value, name, error)


def parse_yaml(raw: bytes, name: str, *, error: type[BadInput]) -> dict[str, Any]:
    """Parse a YAML mapping of the plain kind: no tags, anchors, aliases, duplicate keys or ambiguous scalars.

    Scalars are read by JSON's rules; what YAML 1.1 would turn into something else (`on`, `010`, `1e3`, a date) is
    refused, to be quoted. The limit is 256 kB, since parsing YAML is slow; JSON has no such limit.
    """
    if len(raw) > MAX_PLAN_YAML_BYTES:
        raise error(
            f"{name} is {len(raw) / 1e6:.1f} MB; YAML plans are limited to {MAX_PLAN_YAML_BYTES // 1000} kB.",
            hint="Use JSON, or ranges of neurons.",
        )
    import yaml

    text = _text(raw, name, MAX_PLAN_YAML_BYTES, error)
    try:
        events = list(_shallow(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), name, error))
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise error(f"{name} is not valid YAML{where}.") from None
    return _object(_Builder(events, name, error).document(), name, error)


def render_yaml(value: dict[str, Any]) -> str:
    """Write plain data as YAML that `parse_yaml` reads back: text that is not plainly text is quoted."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """A dumper with the rule below."""

    def text(dumper: yaml.SafeDumper, given: str) -> yaml.ScalarNode:
        quoted = _NUMBER.fullmatch(given) or _SURPRISES.fullmatch(given) or not given.isprintable()
        return dumper.represent_scalar("tag:yaml.org,2002:str", given, style='"' if quoted else None)

    Dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


class _Builder:
    """Build plain data from YAML events, so that nothing of YAML's typing ever runs."""

    def __init__(self, events: list[Any], name: str, error: type[BadInput]) -> None:
        self._events, self._at, self._name, self._error = events, 0, name, error

    def document(self) -> Any:
        import yaml

        while not isinstance(self._peek(), yaml.DocumentStartEvent):
            self._at += 1
            if self._at >= len(self._events):
                raise self._error(f"{self._name} is empty.")
        self._at += 1
        value = self._node()
        if not isinstance(self._events[self._at + 1], yaml.StreamEndEvent):
            raise self._error(f"{self._name} holds more than one document.")
        return value

    def _peek(self) -> Any:
        return self._events[self._at]

    def _node(self) -> Any:
        import yaml

        event = self._peek()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._error(f"{self._name} line {line}: anchors and aliases are not allowed in plans.")
        if getattr(event, "tag", None):
            raise self._error(f"{self._name} line {line}: tags (!!…) are not allowed in plans.")
        self._at += 1
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(self._peek(), yaml.SequenceEndEvent):
                items.append(self._node())
            self._at += 1
            return items
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            at = self._peek().start_mark.line + 1
            key = self._node()
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise self._error(f"{self._name} line {at}: {shorten(key)!r} is no key.")
            key = str(key)
            if key in found:
                raise self._error(f"{self._name}: duplicate key {shorten(key)!r} (lines {lines[key]} and {at}).")
            lines[key] = at
            found[key] = self._node()
        self._at += 1
        return found

    def _scalar(self, event: Any, line: int) -> Any:
        text: str = event.value
        if event.style:  # quoted or block text; a plain scalar has '' from libyaml, None from PyYAML
            return text
        if text in ("true", "false"):
            return text == "true"
        if text in ("null", ""):
            return None
        if _NUMBER.fullmatch(text):
            try:
                return _finite(text) if "." in text else int(text)
            except ValueError as fault:
                raise self._error(f"{self._name} line {line}: {shorten(fault)}.") from None
        if _SURPRISES.fullmatch(text):
            raise self._error(f"{self._name} line {line}: {shorten(text)!r} is ambiguous in YAML; quote it or write it plainly.")
        return text


def _shallow(events: Iterable[Any], name: str, error: type[BadInput]) -> Iterator[Any]:
    """Stop at the first event that is too deep: libyaml's time grows with the square of the depth."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise error(f"{name} is nested deeper than {MAX_DEPTH} levels.")
        yield event


def json_depth(text: str) -> int:
    """Return how deep the brackets of a JSON text nest, without parsing it."""
    depth = deepest = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        char = token.group()
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _text(raw: bytes, name: str, limit: int, error: type[BadInput]) -> str:
    if len(raw) > limit:
        raise error(f"{name} has {len(raw):,} bytes; limit {limit:,}.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise error(f"{name} is not UTF-8 text.") from None


def _object(value: Any, name: str, error: type[BadInput]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise error(f"{name} must be an object, found {'nothing' if value is None else 'a ' + type(value).__name__}.")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shorten(text, 20)} is too large a number")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"duplicate key {shorten(key)!r}")
        seen[key] = value
    return seen
