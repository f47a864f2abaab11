"""JSON and YAML that nobody vouches for: bounded, plain, and never a surprise."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obce_core.errors import PlanError
from obce_core.storage.json_input import MAX_VALUES, parse_json, scan
from obce_core.storage.yaml_input import parse_yaml, render_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
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
    ("? [1]\n: 2", " line 1: '[1]' is not a valid key."),
    ("true: 2", " line 1: 'True' is not a valid key."),
    ("1.5: 2", " line 1: '1.5' is not a valid key."),
    ("null: 2", " line 1: 'None' is not a valid key."),
    ("on: 2", " line 1: 'on' is ambiguous in YAML; quote it or write it plainly."),
    ("a: 1\nb: 010", " line 2: '010' is ambiguous in YAML"),
    ("a: off", " line 1: 'off' is ambiguous"),
    ("a: Yes", " line 1: 'Yes' is ambiguous"),
    ("a: n", " line 1: 'n' is ambiguous"),
    ("a: 1e3", " line 1: '1e3' is ambiguous"),
    ("a: 1e3", " line 1: '1e3' is ambiguous in YAML; write 1000.0 for the number, or quote it if it is text."),
    ("a: 12345678e1234567", " line 1: '12345678e1234567' is ambiguous in YAML; quote it or write it plainly."),
    ("a: False", " line 1: 'False' is ambiguous in YAML; write false, or quote it if it is text."),
    ("a: 1_000", " line 1: '1_000' is ambiguous"),
    ("a: .5", " line 1: '.5' is ambiguous"),
    ("a: 5.", " line 1: '5.' is ambiguous"),
    ("a: 1.0e+999", " line 1: 1.0e+999 is too large a number."),
    ("a: .nan", " line 1: '.nan' is ambiguous"),
    ("a: -.INF", " line 1: '-.INF' is ambiguous"),
    ("a: 0x1F", " line 1: '0x1F' is ambiguous"),
    ("a: 1:30", " line 1: '1:30' is ambiguous"),
    ("a: 2020-01-02", " line 1: '2020-01-02' is ambiguous"),
    ("a: ~", " line 1: '~' is ambiguous"),
    ("a: +5", " line 1: '+5' is ambiguous"),
    ("a: " + "9" * 40_000, " line 1: a number of 40,000 characters; limit 100."),
    ("a: " + "9" * 400 + ".5", " line 1: a number of 402 characters; limit 100."),
    ("a: [" + ("9" * 99 + "x, ") * 2_000 + "1e3]", " line 1: '1e3' is ambiguous"),
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
    (
        "- {layer: 3, neuron: 5}\n" * 60_000,
        " is 1.4 MB; YAML plans are limited to 256 kB. Use JSON, or ranges of neurons.",
    ),
]


@pytest.mark.parametrize(("text", "message"), YAML_REFUSED, ids=[repr(text[:20]) for text, _ in YAML_REFUSED])
def test_yaml_that_is_more_than_plain_data_is_refused_at_its_line_within_two_seconds(
    text: str | bytes, message: str
) -> None:
    started = time.monotonic()
    with pytest.raises(PlanError) as caught:
        parse_yaml(text.encode() if isinstance(text, str) else text, "p.yaml", error=PlanError)
    assert str(caught.value).startswith("p.yaml" + message)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 2.0


def test_yaml_scalars_are_read_by_the_rules_of_json() -> None:
    text = "a: 1\nb: -2.5\nc: true\nd: null\ne:\nf: '010'\ng: \"on\"\nh: word\n3: [0, [1, 2]]\ni: |\n  two\n  lines\n"
    assert parse_yaml(text.encode(), "p.yaml", error=PlanError) == {
        "a": 1,
        "b": -2.5,
        "c": True,
        "d": None,
        "e": None,
        "f": "010",
        "g": "on",
        "h": "word",
        "3": [0, [1, 2]],
        "i": "two\nlines\n",
    }


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
    for parse in (
        lambda: parse_yaml(raw, "p", error=PlanError),
        lambda: parse_json(raw, "p", limit=1000, error=PlanError),
    ):
        try:
            assert isinstance(parse(), dict)
        except PlanError as error:
            assert "\n" not in str(error)


JSON_REFUSED: list[tuple[bytes, str]] = [
    (b'{"percentile":NaN}', " is not valid JSON: NaN is not a number."),
    (b'{"percentile":-Infinity}', " is not valid JSON: -Infinity is not a number."),
    (b'{"percentile":1e999}', " is not valid JSON: 1e999 is too large a number."),
    (b'{"n":' + b"9" * 5000 + b"}", " is not valid JSON: a number of 5,000 digits is too long (limit 1,000)."),
    (b'{"n":0.' + b"9" * 5000 + b"}", " is not valid JSON: a number of 5,002 characters is too long (limit 1,000)."),
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


@pytest.mark.parametrize(
    ("text", "count", "depth"),
    [
        ("1", 0, 0),
        ("{}", 1, 1),
        ('{"[[[":[{}]}', 4, 3),
        ('{"a":"\\"[["}', 2, 1),
        ('{"a\\\\":[1,2]}', 4, 2),
        ('["\\\\\\"[",1]', 2, 1),
        ("[" * 5, 5, 5),
        ('"[[', 0, 0),
    ],
)
def test_values_and_depth_are_counted_outside_of_strings(text: str, count: int, depth: int) -> None:
    assert scan(text.encode(), MAX_VALUES) == (count, depth)


@given(PLAIN)
def test_a_document_has_at_most_one_value_more_than_the_scan_counts(value: Any) -> None:
    def values(item: Any) -> int:
        if isinstance(item, dict):
            return 1 + sum(1 + values(entry) for entry in item.values())
        return 1 + sum(map(values, item)) if isinstance(item, list) else 1

    def depth(item: Any) -> int:
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    count, deepest = scan(json.dumps(value).encode(), MAX_VALUES)
    assert values(value) <= count + 1 and deepest == depth(value)


@pytest.mark.parametrize("part", [b"[],", b'"",', b"1,"], ids=["lists", "strings", "numbers"])
def test_a_document_of_too_many_values_is_refused_before_it_is_parsed(part: bytes) -> None:
    raw = b'{"a":[' + part * (MAX_VALUES + 1) + b"1]}"
    with pytest.raises(PlanError, match=r"^p\.json holds more than 1,000,000 values\.$"):
        parse_json(raw, "p.json", limit=10_000_000, error=PlanError)


@pytest.mark.parametrize(
    ("text", "value"), [("2e-5", 2e-5), ("2.0e-5", 2e-5), ("1.0e-05", 1e-05), ("-1.5E+3", -1500.0), ("1.0e5", 1e5)]
)
def test_an_exponent_with_a_sign_or_a_decimal_point_is_a_number(text: str, value: float) -> None:
    read = parse_yaml(f"a: {text}".encode(), "p.yaml", error=PlanError)["a"]
    assert read == value and type(read) is float


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-05)
@example(-1e-05)
@example(1e16)
@example(5e-324)
@example(1.5e300)
@example(-0.0)
@example(2.0)
def test_every_finite_float_is_written_as_yaml_that_reads_back(value: float) -> None:
    read = parse_yaml(render_yaml({"a": value, "b": [value]}).encode(), "p.yaml", error=PlanError)
    assert repr(read) == repr({"a": value, "b": [value]})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        render_yaml({"a": value})


def growth(parse: Callable[[bytes], object], part: bytes, head: bytes, size: int) -> float:
    """Return how much longer four times the document takes: 4 where the cost is linear, 16 where it is quadratic."""

    def seconds(times: int) -> float:
        raw, best = head + part * times, math.inf
        for _ in range(3):
            started = time.thread_time()
            with contextlib.suppress(PlanError):
                parse(raw)
            best = min(best, time.thread_time() - started)
        return best

    gc.collect()
    gc.disable()  # its passes come at sizes of their own
    try:
        return seconds(4 * size) / max(seconds(size), 2e-3)
    finally:
        gc.enable()


PARTS = [
    (b'{"a":"', b'\\"', 50_000),
    (b'{"a":', b'"\\"', 50_000),
    (b'{"a":"', b"\\", 100_000),
    (b'{"a":', b"9", 100_000),
    (b'{"a":', b"[", 100_000),
    (b'{"a":[', b"[],", 50_000),
    (b"{", b'"a":1,', 50_000),
]


@pytest.mark.parametrize(("head", "part", "size"), PARTS, ids=[repr(head + part) for head, part, _ in PARTS])
def test_reading_json_costs_linear_time(head: bytes, part: bytes, size: int) -> None:
    assert growth(lambda raw: parse_json(raw, "p", limit=10**7, error=PlanError), part, head, size) < 9


YAML_PARTS = [
    (b"a: ", b"9", 40_000),
    (b"a: ", b"9.", 20_000),
    (b"a: [", b"9e, ", 3_000),
    (b"a: ", b"a:b", 20_000),
    (b"# ", b"#", 60_000),
]


@pytest.mark.parametrize(("head", "part", "size"), YAML_PARTS, ids=[repr(head + part) for head, part, _ in YAML_PARTS])
def test_reading_yaml_costs_linear_time(head: bytes, part: bytes, size: int) -> None:
    assert growth(lambda raw: parse_yaml(raw, "p", error=PlanError), part, head, size) < 9
