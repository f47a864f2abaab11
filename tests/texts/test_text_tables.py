"""Tables: which column is read, which labels come along, and how a fault is named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from obce_core.errors import TextsError
from obce_core.texts import Texts, load_texts
from obce_core.texts.table import LINE_LIMIT, MAX_KEYS

ROWS = [
    {"id": 1, "text": "the first text", "topic": "a"},
    {"id": 2, "text": "the second text", "topic": "b"},
]
CSV = b'id,text,topic\n1,"the first text",a\n2,the second text,b\n'
TSV = b"id\ttext\ttopic\n1\tthe first text\ta\n2\tthe second text\tb\n"
JSONL = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)

REFUSED = [
    ("a.csv", CSV, {"column": "body"}, "a.csv has no column 'body'; columns: id, text, topic."),
    ("a.jsonl", JSONL, {"column": "body"}, "a.jsonl has no column 'body'; columns: id, text, topic."),
    (
        "a.csv",
        b"q,a\nwho is it,it is me\nwho else,nobody else\n",
        {},
        "has 2 columns that could be the text; columns: q, a. Name",
    ),
    ("a.csv", b"q,a\n1,2\n3,4\n", {}, "has no columns that could be the text; columns: q, a."),
    ("a.csv", b"text,b\none,x\ntwo\n", {}, "a.csv line 3 has 1 fields; its header has 2."),
    ("a.tsv", b"text\tb\none\tx\ty\n", {}, "a.tsv line 2 has 3 fields; its header has 2."),
    ("a.csv", b'text\n"open\none\n', {}, "cannot be read as a table: unexpected end of data."),
    ("a.csv", b"text,text\na,b\n", {}, "a.csv has two columns named 'text'."),
    ("a.csv", b"text\ncaf\xe9 one\n", {}, "is not UTF-8: byte 0xe9 at offset 8, line 2."),
    ("a.jsonl", b'{"text": "one"}\n{"text": "two"\n', {}, "a.jsonl line 2 is not valid JSON at column"),
    ("a.jsonl", b'{"text": "one"}\n[1]\n', {}, "a.jsonl line 2 is a JSON list, expected an object."),
    ("a.jsonl", b'{"text": "one"}\n\n{"text": 3}\n', {}, "a.jsonl line 3: 'text' is int, expected a string."),
    ("a.jsonl", b'{"text": "\\ud800"}\n', {}, "line 1: 'text' holds half of a surrogate pair"),
    ("a.jsonl", b"[" * 100_000, {}, "a.jsonl line 1 is not valid JSON"),
    ("a.jsonl", b'{"text": ' + b"9" * 5000 + b"}", {}, "a.jsonl line 1 is not valid JSON"),
    ("a.jsonl", json.dumps({f"k{i}": 1 for i in range(MAX_KEYS + 1)}).encode(), {}, "more than 1000 different keys"),
    ("a.parquet", b"no parquet at all", {}, "a.parquet is not a readable parquet file."),
    ("a.parquet", b"PAR1" + b"\x00" * 50 + b"PAR1", {}, "a.parquet is not a readable parquet file."),
]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def write_parquet(folder: Path, columns: dict[str, object]) -> Path:
    pq.write_table(pa.table(columns), folder / "a.parquet")
    return folder / "a.parquet"


def check_read(sample: Texts) -> None:
    assert sample.texts == ("the first text", "the second text")
    assert dict(sample.columns) == {"id": ("1", "2"), "topic": ("a", "b")}
    assert sample.notes == ("Column 'text' was read, by its name.",)


@pytest.mark.parametrize(("name", "data"), [("a.csv", CSV), ("a.tsv", TSV), ("a.jsonl", JSONL), ("A.CSV", CSV)])
def test_every_format_gives_the_same_texts_and_labels(tmp_path: Path, name: str, data: bytes) -> None:
    check_read(load_texts(write(tmp_path, name, data), n=2))


def test_parquet_gives_the_same_texts_and_labels(tmp_path: Path) -> None:
    check_read(load_texts(write_parquet(tmp_path, {key: [row[key] for row in ROWS] for key in ROWS[0]}), n=2))


@pytest.mark.parametrize(("name", "data", "options", "said"), REFUSED)
def test_a_faulty_table_is_refused_with_the_place(tmp_path: Path, name: str, data: bytes, options: dict[str, str], said: str) -> None:
    with pytest.raises(TextsError) as caught:
        load_texts(write(tmp_path, name, data), n=None, **options)
    assert said in str(caught.value)


def test_a_named_column_is_read_and_not_remarked_on(tmp_path: Path) -> None:
    sample = load_texts(write(tmp_path, "a.csv", CSV), n=2, column="topic")
    assert (sample.texts, sample.columns["id"]) == (("a", "b"), ("1", "2"))
    assert sample.notes == ("Columns left out, as no short labels or beyond 8: text.",)  # the name `text` is taken


def test_the_only_column_with_running_text_is_read_and_said(tmp_path: Path) -> None:
    sample = load_texts(write(tmp_path, "a.csv", b"body,topic\nfirst text,a\nsecond text,b\n"), n=2)
    assert sample.texts == ("first text", "second text")
    assert sample.notes == ("Column 'body' was read, the only one with running text.",)


def test_quotes_of_a_tsv_are_characters_like_any_other(tmp_path: Path) -> None:
    sample = load_texts(write(tmp_path, "a.tsv", b'text\n"open quote\nsay "no" twice\n'), n=2)
    assert sample.texts == ('"open quote', 'say "no" twice')


def test_a_quoted_field_of_a_csv_may_hold_separators_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b'text,b\n"one, ""two""\r\nthree",x\nfour,y,z\n')
    with pytest.raises(TextsError, match="line 4 has 3 fields"):
        load_texts(path)
    path.write_bytes(b'text,b\n"one, ""two""\r\nthree",x\nfour,y\n')
    assert load_texts(path, n=2).texts == ('one, "two" three', "four")


def test_a_field_above_the_default_limit_of_csv_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"text\n" + b"x" * 500_000 + b"\nshort\n")
    assert [len(text) for text in load_texts(path, n=2).texts] == [500_000, 5]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_text_beyond_the_limit_is_named(tmp_path: Path, name: str) -> None:
    long = "x" * 1_000_001
    data = f'{{"text": "one"}}\n{{"text": "{long}"}}\n' if name == "a.jsonl" else f"text\n{long}\n"
    with pytest.raises(TextsError, match=r"line 2 is 1,000,001 characters; limit 1,000,000\."):
        load_texts(write(tmp_path, name, data.encode()))


def test_a_row_of_parquet_beyond_the_limit_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"a\.parquet row 2 is 1,000,001 characters; limit 1,000,000\."):
        load_texts(write_parquet(tmp_path, {"text": ["one", "x" * 1_000_001]}))


def test_a_line_of_a_table_beyond_its_own_limit_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"line 1 is 16,000,001 characters; limit 16,000,000\."):
        load_texts(write(tmp_path, "a.jsonl", b"x" * (LINE_LIMIT + 1)))


def test_labels_are_short_and_at_most_eight(tmp_path: Path) -> None:
    row = {
        "text": "one two",
        "flag": True,
        "none": None,
        "long": "x" * 65,
        "nested": [1],
        "real": 0.5,
        "big": 1 << 1000,
    }
    row |= {f"c{i}": i for i in range(9)}
    lines = [json.dumps(row | {"text": text}) for text in ("one two", "three four")]
    sample = load_texts(write(tmp_path, "a.jsonl", "\n".join(lines).encode()), n=2)
    assert list(sample.columns) == ["flag", "none", "c0", "c1", "c2", "c3", "c4", "c5"]
    assert (sample.columns["flag"], sample.columns["none"]) == (("True", "True"), ("", ""))
    assert "long, nested, real, big, c6, c7, c8." in sample.notes[-1]


def test_a_key_that_some_lines_lack_is_empty_there(tmp_path: Path) -> None:
    data = b'{"text": "one two"}\n{"text": "three four", "topic": "a"}\n{"topic": "b"}\n'
    sample = load_texts(write(tmp_path, "a.jsonl", data), n=None)
    assert sample.columns["topic"] == ("", "a")
    assert "1 empty text was dropped." in sample.notes


def test_labels_follow_the_sentences_of_their_text(tmp_path: Path) -> None:
    data = b"text,topic\nThe first one has five words. The second has five words too.,a\nAnd this has five words also.,b\n"
    assert load_texts(write(tmp_path, "a.csv", data), n=None, split="periods").columns["topic"] == ("a", "a", "b")
