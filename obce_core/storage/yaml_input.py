"""Parse untrusted YAML (plain data only), and write YAML that reads back unchanged."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from obce_core.errors import BadInput, shorten
from obce_core.settings import MAX_DEPTH, MAX_PLAN_YAML_BYTES
from obce_core.storage.document import decode, finite, require_object, whole

_MAX_SCALAR = 100
"""A plain scalar above this length is text, or a number that is refused: no pattern is tried on it. Digests have 64."""

_INTEGER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9]\d*)(\.\d+([eE][-+]?\d+)?|[eE][-+]\d+)", re.ASCII)
"""JSON's numbers without those that may be ids, such as 12345678e1234567."""

_SURPRISES = re.compile(
    r"(?i)(y|n|yes|no|on|off|true|false|null|~|[-+]?0[0-9_]+|0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|"
    r"[-+]?[0-9][0-9_]*+(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]?(\d[\d_]*+(\.[\d_]*+)?|\._*+\d[\d_]*+)(e[-+]?\d+)?|[-+]?\.?(inf|nan)|"
    r"\d{4}-\d{1,2}-\d{1,2}.*)",
    re.ASCII,
)
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", re.ASCII)
_NUMBER_CHARS = "0123456789_.:+-eE"


def parse_yaml(raw: bytes, name: str, *, error: type[BadInput]) -> dict[str, Any]:
    """Parse a YAML mapping of the plain kind: no tags, anchors, aliases, duplicate keys or ambiguous scalars.

    Scalars are read by JSON's rules; what YAML 1.1 reads as something else (`on`, `010`, `1e3`, a date) is refused, to
    be quoted or written plainly. The limit is 256 kB, since parsing YAML is slow; JSON has a larger one.
    """
    if len(raw) > MAX_PLAN_YAML_BYTES:
        raise error(
            f"{name} is {len(raw) / 1e6:.1f} MB; YAML plans are limited to {MAX_PLAN_YAML_BYTES // 1000} kB.",
            hint="Use JSON, or ranges of neurons.",
        )
    import yaml

    text = decode(raw, name, MAX_PLAN_YAML_BYTES, error)
    events = _shallow(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), name, error)
    try:
        return require_object(_Builder(events, name, error).document(), name, error)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise error(f"{name} is not valid YAML{where}.") from None


def render_yaml(value: dict[str, Any]) -> str:
    """Write plain data as YAML that `parse_yaml` reads back: text that is not plainly text is quoted.

    Raises:
        ValueError: a number that is not finite, which no plan can hold.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """A dumper that quotes what looks like something else, and repeats a list that stands at two places."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        quoted = len(value) > _MAX_SCALAR or _SURPRISES.fullmatch(value) or not value.isprintable()
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)

    def number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be written as a number")
        mantissa, exponent, power = repr(float(value)).partition("e")
        point = (
            ".0" if exponent and "." not in mantissa else ""
        )  # YAML 1.1 takes 1e-05 for text, and would be given a tag
        return dumper.represent_scalar("tag:yaml.org,2002:float", f"{mantissa}{point}{exponent}{power}")

    Dumper.add_representer(str, text)
    Dumper.add_representer(float, number)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


class _Builder:
    """Build plain data from YAML events, so that nothing of YAML's typing ever runs. Events are read one by one."""

    def __init__(self, events: Iterator[Any], name: str, error: type[BadInput]) -> None:
        self._events, self._name, self._error = events, name, error
        self._event = next(events)

    def _step(self) -> Any:
        """Return the event at hand and read the next one."""
        event, self._event = self._event, next(self._events, None)
        return event

    def document(self) -> Any:
        import yaml

        while not isinstance(self._event, yaml.DocumentStartEvent):
            if self._step() is None:
                raise self._error(f"{self._name} is empty.")
        self._step()
        value = self._node()
        self._step()
        if not isinstance(self._event, yaml.StreamEndEvent):
            raise self._error(f"{self._name} holds more than one document.")
        return value

    def _node(self) -> Any:
        import yaml

        event = self._event
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._error(f"{self._name} line {line}: anchors and aliases are not allowed in plans.")
        if getattr(event, "tag", None):
            raise self._error(f"{self._name} line {line}: tags (!!…) are not allowed in plans.")
        self._step()
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(self._event, yaml.SequenceEndEvent):
                items.append(self._node())
            self._step()
            return items
        entries: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(self._event, yaml.MappingEndEvent):
            at = self._event.start_mark.line + 1
            key = self._node()
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise self._error(f"{self._name} line {at}: {shorten(key)!r} is not a valid key.")
            key = str(key)
            if key in entries:
                raise self._error(f"{self._name}: duplicate key {shorten(key)!r} (lines {lines[key]} and {at}).")
            lines[key] = at
            entries[key] = self._node()
        self._step()
        return entries

    def _scalar(self, event: Any, line: int) -> Any:
        text: str = event.value
        if event.style:  # quoted or block text; a plain scalar has '' from libyaml, None from PyYAML
            return text
        if text in ("true", "false"):
            return text == "true"
        if text in ("null", ""):
            return None
        if len(text) > _MAX_SCALAR:
            if not text.strip(_NUMBER_CHARS):
                raise self._error(
                    f"{self._name} line {line}: a number of {len(text):,} characters; limit {_MAX_SCALAR}."
                )
            return text
        try:
            if _INTEGER.fullmatch(text):
                return whole(text)
            if _FLOAT.fullmatch(text):
                return finite(text)
        except ValueError as fault:
            raise self._error(f"{self._name} line {line}: {shorten(fault)}.") from None
        if _SURPRISES.fullmatch(text):
            raise self._error(f"{self._name} line {line}: {shorten(text)!r} is ambiguous in YAML; {_advice(text)}.")
        return text


def _advice(text: str) -> str:
    """Say how to write an ambiguous scalar: a number as such, a word in its JSON form, or in quotes."""
    if text.lower() in ("true", "false", "null"):
        return f"write {text.lower()}, or quote it if it is text"
    if _EXPONENT.fullmatch(text) and math.isfinite(value := float(text)):
        return f"write {value!r} for the number, or quote it if it is text"
    return "quote it or write it plainly"


def _shallow(events: Iterable[Any], name: str, error: type[BadInput]) -> Iterator[Any]:
    """Stop at the first event that is too deep: libyaml's time grows with the square of the depth."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise error(f"{name} is nested deeper than {MAX_DEPTH} levels.")
        yield event
