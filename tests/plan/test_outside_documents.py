"""JSON and YAML that nobody vouches for: bounded, plain, and never a surprise."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obce_core.errors import PlanError
from obce_core.outside import json_depth, parse_json, parse_yaml, render_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
# the document, the start of the message after its name
YAML_REFUSED: list[tuple[str | bytes, str]] = [
    ("!!python/object/apply:os.system ['touch PWNED']", " line 1: tags (!!…) are not allowed in plans."),
    ("a: 1\nb: !!int '3'", " line 2: tags (!!…) are not allowed in plans."),
    ("a: !custom 3", " line 1: tags (!!…) are not allowed in plans."),
    (BOMB, " line 1: anchors and aliases are not allowed in plans."),
    ("a: &x 1", " line 1: anchors and aliases are not allowed in plans."),
    ("a: 1\nb: *x", " line 2: anchors and aliases are not allowed in plans."),
    ("a: 1\nb: 2\na: 3", ": duplicate key 'a' (lines 1 and 3)."),
    ("1: a\n'1': b", ": duplicate key '1' (lines 1 and 2)."),
    ("? [1]\n: 2", " line 1: '[1]' is no key."),
    ("true: 2", " line 1: 'True' is no key."),
    ("1.5: 2", " line 1: '1.5' is no key."),
    ("null: 2", " line 1: 'None' is no key."),
    ("on: 2", " line 1: 'on' is ambiguous in YAML; quote it or write it plainly."),
    ("a: 1\nb: 010", " line 2: '010' is ambiguous in YAML"),
    ("a: off", " line 1: 'off' is ambiguous"),
    ("a: Yes", " line 1: 'Yes' is ambiguous"),
    ("a: n", " line 1: 'n' is ambiguous"),
    ("a: 1e3", " line 1: '1e3' is ambiguous"),
    ("a: 1.5e+3", " line 1: '1.5e+3' is ambiguous"),
    ("a: .nan", " line 1: '.nan' is ambiguous"),
    ("a: -.INF", " line 1: '-.INF' is ambiguous"),
    ("a: 0x1F", " line 1: '0x1F' is ambiguous"),
    ("a: 1:30", " line 1: '1:30' is ambiguous"),
    ("a: 2020-01-02", " line 1: '2020-01-02' is ambiguous"),
    ("a: ~", " line 1: '~' is ambiguous"),
    ("a: +5", " line 1: '+5' is ambiguous"),
    ("a: " + "9" * 5000, " line 1: Exceeds the limit (4300 digits)"),
    ("a: " + "9" * 400 + ".5", " line 1: 9999999999999999999… is too large a number."),
    ("--- {a: 1}\n--- {b: 2}", " holds more than one document."),
    ("", " is empty."),
    ("# nothing", " is empty."),
    ("[1, 2]", " must be an object, found a list."),
    ("just words", " must be an object, found a str."),
    ("a: [1", " is not valid YAML at line"),
    ("a: \x00", " is not valid YAML"),
    (b"\xff\xfea\x00", " is not UTF-8 text."),
    ("[" * 200_000, " is nested deeper than 32 levels."),
    ("a: " + "{a: " * 40_000, " is nested deeper than 32 levels."),
    ("a:\n" + "- " * 100_000, " is nested deeper than 32 levels."),
    ("- {layer: 3, neuron: 5}\n" * 60_000, " is 1.4 MB; YAML plans are limited to 256 kB. Use JSON, or ranges of neurons."),
]


@pytest.mark.parametrize(("text", "message"), YAML_REFUSED, ids=[repr(text[:20]) for text, _ in YAML_REFUSED])
def test_yaml_that_is_more_than_plain_data_is_refused_at_its_line_within_two_seconds(text: str | bytes, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(PlanError) as caught:
        parse_yaml(text.encode() if isinstance(text, str) else text, "p.yaml", error=PlanError)
    assert str(caught.value).startswith("p.yaml" + message)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 2.0


def test_yaml_scalars_are_read_by_the_rules_of_json() -> None:
    text = "a: 1\nb: -2.5\nc: true\nd: null\ne:\nf: '010'\ng: \"on\"\nh: word\n3: [0, [1, 2]]\ni: |\n  two\n  lines\n"
    assert parse_yaml(text.encode(), "p.yaml", error=PlanError) == {
        "a": 1, "b": -2.5, "c": True, "d": None, "e": None, "f": "010", "g": "on", "h": "word", "3": [0, [1, 2]], "i": "two\nlines\n",
    }  # fmt: skip


def test_both_yaml_loaders_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    text = b"a: 1\nb: 'x'\nc: [1.5, plain, {d: false}]\n"
    fast = parse_yaml(text, "p.yaml", error=PlanError)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert parse_yaml(text, "p.yaml", error=PlanError) == fast == {"a": 1, "b": "x", "c": [1.5, "plain", {"d": False}]}


TRICKY = [
    "y",
    "No",
    "on",
    "~",
    "null",
    "Null",
    "true",
    "TRUE",
    "010",
    "0x1F",
    "1e3",
    "12e4567890123456",
    "12345678e1234567",
    "2020-01-01",
    "1:30",
    "+1",
    "1",
    "-0.5",
    "",
    " lead",
    "trail ",
    "a: b",
    "- x",
    "#c",
    "a #b",
    "&a",
    "*a",
    "!x",
    "@a",
    "%a",
    "`",
    "=",
    "<<",
    "'q'",
    '"',
    "\\",
    "two\nlines",
    "\t",
    "nul\x00",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\u202e",
    "😀",
    "é" * 200,
    "word " * 60,
    "[1]",
    "{a: 1}",
    "?",
    "|",
    ">",
]


@pytest.mark.parametrize("text", TRICKY, ids=[repr(text[:12]) for text in TRICKY])
def test_text_that_yaml_would_take_for_something_else_is_written_so_that_it_reads_back(text: str) -> None:
    value = {"a": text, "b": [text, {text: 1}]}
    assert parse_yaml(render_yaml(value).encode(), "p.yaml", error=PlanError) == value


SAFE = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), SAFE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SAFE, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(SAFE, PLAIN, max_size=4))
def test_whatever_is_written_as_yaml_reads_back(value: dict[str, Any]) -> None:
    assert parse_yaml(render_yaml(value).encode(), "p.yaml", error=PlanError) == value


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_one_plan_error(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    for parse in (lambda: parse_yaml(raw, "p", error=PlanError), lambda: parse_json(raw, "p", limit=1000, error=PlanError)):
        try:
            assert isinstance(parse(), dict)
        except PlanError as error:
            assert "\n" not in str(error)


JSON_REFUSED: list[tuple[bytes, str]] = [
    (b'{"percentile":NaN}', " is not valid JSON: NaN is not a number."),
    (b'{"percentile":-Infinity}', " is not valid JSON: -Infinity is not a number."),
    (b'{"percentile":1e999}', " is not valid JSON: 1e999 is too large a number."),
    (b'{"n":' + b"9" * 5000 + b"}", " is not valid JSON: Exceeds the limit (4300 digits)"),
    (b'{"a":1,"b":{"c":1,"c":2}}', " is not valid JSON: duplicate key 'c'."),
    (b'{"name":"\\ud800"}', " holds invalid Unicode (half of a surrogate pair)."),
    (b'{"a":' + b"[" * 200_000, " is nested deeper than 32 levels."),
    (b'{"a":1', " is not valid JSON at line 1 column 7."),
    (b'{\n"a":1,\n}', " is not valid JSON at line 3 column 1."),
    (b"{'a':1}", " is not valid JSON at line 1 column 2."),
    (b"3", " must be an object, found a int."),
    (b'"' * 99_999, " is not valid JSON at line 1 column 3."),
    (b'{"a":"' + b"\\" * 90_000, " is not valid JSON at line 1 column 6."),
    (b"\xff", " is not UTF-8 text."),
    (b" " * 100_001, " has 100,001 bytes; limit 100,000."),
]


@pytest.mark.parametrize(("raw", "message"), JSON_REFUSED, ids=[repr(raw[:20]) for raw, _ in JSON_REFUSED])
def test_json_that_is_more_than_plain_data_is_refused(raw: bytes, message: str) -> None:
    limit = 100_000 if not raw.startswith(b'{"a":[') else 10**6
    with pytest.raises(PlanError) as caught:
        parse_json(raw, "p.json", limit=limit, error=PlanError)
    assert str(caught.value).startswith("p.json" + message)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_accepted_in_both() -> None:
    assert parse_json(b"\xef\xbb\xbf{}", "p.json", limit=100, error=PlanError) == {}
    assert parse_yaml(b"\xef\xbb\xbfa: 1", "p.yaml", error=PlanError) == {"a": 1}


@pytest.mark.parametrize(("text", "depth"), [("1", 0), ("{}", 1), ('{"[[[":[{}]}', 3), ('{"a":"\\"[["}', 1)])
def test_depth_is_counted_outside_of_strings(text: str, depth: int) -> None:
    assert json_depth(text) == depth
