"""Tables: which column is read, which labels come along, and how a fault is named."""

from __future__ import annotations

import base64
import cProfile
import json
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from obce_core.errors import TextsError
from obce_core.texts import Texts, load_texts
from obce_core.texts.files.parquet_table import MAX_CELLS
from obce_core.texts.files.separated import LINE_LIMIT
from obce_core.texts.files.survey import MAX_KEYS

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
def test_a_faulty_table_is_refused_with_the_place(
    tmp_path: Path, name: str, data: bytes, options: dict[str, str], said: str
) -> None:
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
    with pytest.raises(TextsError, match=r"line 1 is 8,000,001 characters; limit 8,000,000\."):
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
    data = (
        b"text,topic\nThe first one has five words. The second has five words too.,a\nAnd this has five words also.,b\n"
    )
    assert load_texts(write(tmp_path, "a.csv", data), n=None, split="periods").columns["topic"] == ("a", "a", "b")


SEPARATED = [
    ("a.csv", "text;label\n{0};0\n{1};1\n", ";"),
    ("a.csv", "sep=;\ntext;label\n{0};0\n{1};1\n", ";"),
    ("a.csv", '"sep=;"\r\ntext;label\r\n{0};0\r\n{1};1\r\n', ";"),
    ("a.csv", "\ufeffsep=;\ntext;label\n{0};0\n{1};1\n", ";"),
    ("a.csv", "sep=,\ntext,label\n{0},0\n{1},1\n", ","),
    ("a.csv", "text\tlabel\n{0}\t0\n{1}\t1\n", "\t"),
    ("a.csv", "sep=\t\ntext\tlabel\n{0}\t0\n{1}\t1\n", "\t"),
    ("a.csv", "text|label\n{0}|0\n{1}|1\n", "|"),
    ("a.csv", 'text;label\n"{0}";0\n"{1}";1\n', ";"),
    ("a.csv", 'text;"label, coarse"\n{0};0\n{1};1\n', ";"),
    ("a.csv", "text;label, coarse\n{0};0\n{1};1\n", ";"),
    ("a.csv", "text;label\n{0};0,5\n{1};1,5\n", ";"),
    ("a.csv", "text,label;coarse\n{0},0\n{1},1\n", ","),
    ("a.csv", 'text, label\n"{0}", 0\n"{1}", 1\n', ","),
    ("a.csv", 'label, text\n0, "{0}"\n1, "{1}"\n', ","),
    ("a.csv", "sep=~\ntext~label\n{0}~0\n{1}~1\n", "~"),
    ("a.tsv", "text\tlabel\n{0}\t0\n{1}\t1\n", "\t"),
    ("a.tsv", "text,label\n{0},0\n{1},1\n", ","),
    ("a.tsv", "text;label\n{0};0\n{1};1\n", ";"),
    ("a.tsv", "text, short\tlabel\n{0}, so\t0\n{1}, so\t1\n", "\t"),
]


@pytest.mark.parametrize(("name", "form", "separator"), SEPARATED, ids=[repr(form[:24]) for _, form, _ in SEPARATED])
def test_a_label_never_becomes_part_of_a_text(name: str, form: str, separator: str, tmp_path: Path) -> None:
    texts = ("able acid cake", "baby back dawn")
    sample = load_texts(write(tmp_path, name, form.format(*texts).encode()), n=None)
    assert [text.removesuffix(", so") for text in sample.texts] == list(texts)
    assert len(sample.columns) == 1 and all(
        values[0][0] == "0" and values[1][0] == "1" for values in sample.columns.values()
    )
    usual = "\t" if name.endswith(".tsv") else ","
    assert any(note.startswith("Fields are separated by") for note in sample.notes) == (separator != usual)


GLUED = [
    ("a.csv", "text,note;label\none, two;0\nthree, four;1\n", {}, "a.csv may be separated by ',' or ';'. Write sep=;"),
    (
        "a.csv",
        "sep=;\ntext,label\nable acid,0\nbaby back,1\n",
        {},
        "a.csv is separated by ',', not by ';' as its first line says.",
    ),
    ("a.csv", "text\nable acid;0\nbaby back;1\n", {}, "a.csv has 2 fields a row, separated by ';'; its header has 1."),
    ("a.tsv", "text\nable acid;0\nbaby back;1\n", {}, "a.tsv has 2 fields a row, separated by ';'; its header has 1."),
    (
        "a.csv",
        "text;label\nable; acid;0\nbaby back;1\n",
        {},
        "a.csv line 2 has 3 fields; its header has 2. Quote fields",
    ),
    ("a.csv", "sep=;\ntext;label\nable; acid;0\nbaby back;1\n", {}, "a.csv line 3 has 3 fields; its header has 2."),
    ("a.csv", 'text,label\n"say \\"hi\\", now",0\nbaby,1\n', {}, "a.csv line 2"),
    ("a.csv", "'one, two','0'\n'three','1'\n", {}, "a.csv line 2 has 2 fields; its header has 3."),
    (
        "a.csv",
        "able acid cake,0\nbaby back dawn,1\nedge fact game,0\n",
        {},
        "a.csv line 1 is a row, not a header: 'able acid cake', '0'.",
    ),
    ("a.tsv", "able acid cake\t0\nbaby back dawn\t1\n", {}, "a.tsv line 1 is a row, not a header"),
    (
        "a.txt",
        "able acid cake\t0\nbaby back dawn\t1\n",
        {},
        "a.txt is a table: every line has 2 fields, separated by tabs. Name it .tsv",
    ),
    (
        "a.txt",
        "able acid;0\nbaby back;1\nedge fact;0\n",
        {},
        "a.txt is a table: every line ends with ';' and a number. Name it .csv",
    ),
    ("a.csv", ",".join(f"c{i}" for i in range(1001)) + "\n", {}, "a.csv has 1,001 columns; limit 1,000."),
]


@pytest.mark.parametrize(("name", "data", "options", "said"), GLUED, ids=[data[:16] for _, data, _, _ in GLUED])
def test_what_would_glue_a_label_to_a_text_is_refused(
    name: str, data: str, options: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(TextsError) as caught:
        load_texts(write(tmp_path, name, data.encode()), n=None, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "texts"),
    [
        ("a.csv", "text\none; two\nthree\n", ("one; two", "three")),
        ("a.csv", "text\none; two three\nfour; five six\n", ("one; two three", "four; five six")),
        ("a.csv", "Survey answer,2019,2020\ngood,1,2\nbad,3,4\n", ("good", "bad")),
        ("a.txt", "\tindented\n\tlines\n", ("indented", "lines")),
        ("a.txt", "one, 1990\ntwo, 1991\nthree, 1992\n", ("one, 1990", "two, 1991", "three, 1992")),
        ("a.txt", "a\tb\nno tab\n", ("a b", "no tab")),
    ],
)
def test_what_only_looks_like_a_separator_stays_in_the_text(
    name: str, data: str, texts: tuple[str, ...], tmp_path: Path
) -> None:
    column = "Survey answer" if data.startswith("Survey") else None
    assert load_texts(write(tmp_path, name, data.encode()), n=None, column=column).texts == texts


def test_rows_of_many_columns_cost_memory_for_the_text_and_its_labels_alone(tmp_path: Path) -> None:
    wide = json.dumps({f"k{i}": "x y" for i in range(MAX_KEYS - 1)} | {"text": "one two"}).encode() + b"\n"
    path = write(tmp_path, "a.jsonl", wide + b"{}\n" * 20_000 + b'{"text": "three four"}\n')
    tracemalloc.start()
    try:
        assert load_texts(path, n=None, column="text").texts == ("one two", "three four")
        assert tracemalloc.get_traced_memory()[1] < 30_000_000  # 20,000 rows of 1,000 nulls are 160 MB
    finally:
        tracemalloc.stop()


def test_a_parquet_file_that_repeats_one_long_string_ends_at_the_limit_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_TEXT_MEMORY", "20M")
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 120_000, pa.int32()), pa.array(["ab " * 3_333]))
    path = write_parquet(tmp_path, {"text": repeated.cast(pa.string())})
    assert path.stat().st_size < 200_000
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        with pytest.raises(
            TextsError,
            match=r"a\.parquet needs more than 21 MB of memory to read \(the limit is reached at row 2,?0\d\d\)",
        ):
            load_texts(path, n=None)
        assert tracemalloc.get_traced_memory()[1] + pool.max_memory() < 150_000_000
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def test_a_parquet_file_of_too_many_values_is_refused_by_its_header(tmp_path: Path) -> None:
    path = write_parquet(tmp_path, {"text": pa.nulls(1_562_501, pa.string())})
    with pytest.raises(TextsError, match=r"a\.parquet has 1,562,501 rows; limit 1,562,500\."):
        load_texts(path, n=None)
    rows = MAX_CELLS // 20 + 1
    path = write_parquet(tmp_path, {f"c{i}": pa.nulls(rows, pa.string()) for i in range(20)})
    with pytest.raises(
        TextsError, match=r"a\.parquet has 1,000,001 rows of 20 columns .* limit 20,000,000 values together"
    ):
        load_texts(path, n=None)


def test_a_parquet_file_of_too_many_columns_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path, {f"c{i}": ["a b"] for i in range(MAX_KEYS + 1)})
    with pytest.raises(TextsError, match=r"a\.parquet has 1,001 columns; limit 1,000\."):
        load_texts(path, n=None)


def test_a_parquet_footer_above_its_limit_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, "a.parquet", b"PAR1" + bytes(9_000_000) + (8_500_000).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(TextsError, match=r"a\.parquet: its footer has 8,500,000 bytes; limit 8,000,000\."):
        load_texts(path, n=None)


def test_dictionaries_and_other_kinds_of_strings_of_parquet_are_read(tmp_path: Path) -> None:
    texts = ["one two", None, "three four"]
    columns = {
        "text": pa.array(texts, pa.large_string()),
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "view": pa.array(["x", "y", "z"], pa.string_view()),
        "flag": [True, False, None],
        "real": [0.5, 1.5, 2.5],
        "list": [[1], [2], [3]],
    }
    sample = load_texts(write_parquet(tmp_path, columns), n=None)
    assert sample.texts == ("one two", "three four")
    assert dict(sample.columns) == {"kind": ("a", "a"), "view": ("x", "z"), "flag": ("True", "")}


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_texts_beyond_the_limit_of_memory_are_refused_at_their_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_TEXT_MEMORY", "100K")
    lines = [json.dumps({"text": f"text {i}"}) if name == "a.jsonl" else f"text {i}" for i in range(2_000)]
    head = ["text"] if name == "a.csv" else []
    with pytest.raises(
        TextsError,
        match=rf"^{name} needs more than 0 MB of memory to read \(the limit is reached at line \d+\)\. Give a part",
    ):
        load_texts(write(tmp_path, name, "\n".join(head + lines).encode()), n=None)


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl"])
def test_reading_texts_takes_work_in_proportion_to_the_rows(name: str, tmp_path: Path) -> None:
    def calls(rows: int) -> int:
        lines = [
            json.dumps({"text": f"text {i}", "label": i}) if name == "a.jsonl" else f"text {i}" for i in range(rows)
        ]
        path = write(tmp_path, name, "\n".join(([] if name in ("a.txt", "a.jsonl") else ["text"]) + lines).encode())
        profile = cProfile.Profile()
        profile.runcall(load_texts, path, n=None)
        return sum(entry.callcount for entry in profile.getstats())

    small, large = calls(1_000), calls(4_000)
    assert large < 4.5 * small


DAMAGED_COLUMN = (
    b"c-"
    b"oay&2G~`5T0F|ZHR)DR_tn5^1(ulRV25hl^PIA595%CpH#GwszOgqBa?ta9UPbN7@Ror92`0F6g&q<W^JbtKSE+;dw#!fW=HEI9PCP0?#Wi46l"
    b"?&P^ECiSE@MAiBvmrANgBugtK=$`AUC86rI2-"
    b"ch1cR+)m2unm7w)?Lf!N^eI186oQRt;>=VTDYk*s<&7croYNEa^^@>_omKj|s4N$Q4muTLtx@i-Fac2{xYufvu#e6i0-"
    b"wve<vew|*&EgMP1NxqA<~Cw|V>-Nur=W!KOc;PCYi1ur-"
    b"4vCQE1|wH^_2x@LFFGOHKE;`<n{!0Qf+m|2orFZ`dC)CWG&j|wBH#$!ABl^WB+%~KYHDzP9QAglcPjXQJ)<!p043w@ci^)u>k#p-"
    b"LrBZtsG+^&kz?Fjj@L~#?Cm8MG@kmH9Ck-^1w=CVMfQ-"
    b"{^1)UeLzOH(=9>P!D~6OmGhUUPp22TKgLHn$*3%~(p!Q~Y@X(MZ0E}7jFvUsUQQY<e&e^JM9s4oljhQoe#svkfc9s@^xajQZI5QN?O~cG3;%tb"
    b"&R-{&{$6XRxwC6Rx)AnGv}of;^fUYf0ZNUr"
)
"""A parquet file of three rows, one byte of it changed, on which pyarrow ends the process when asked for the column's
metadata."""


def test_a_damaged_parquet_file_on_which_pyarrow_would_abort_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.parquet", zlib.decompress(base64.b85decode(DAMAGED_COLUMN)))
    script = "import sys; from obce_core.texts import load_texts; load_texts(sys.argv[1], n=None)"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "TextsError: a.parquet is not a readable parquet file." in done.stderr
