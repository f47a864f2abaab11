"""The frozen sample, and its file."""

from __future__ import annotations

import copy
import hashlib
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from obce_core.errors import TextsError
from obce_core.texts import Texts, load_texts

SAMPLE = Texts(
    texts=("one", "zwei \U0001f600", "three\u202e"),
    columns={"topic": ("a", "b", ""), "label": ("1", "2", "3")},
    source="file:a.csv#sha256=00",
    seed=7,
    available=5,
    notes=("1 empty text was dropped.",),
    heldout=("four", "fünf"),
)

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"texts": (), "columns": {}}, "needs at least 1 text; got none."),
    ({"texts": ("a", "a", "b")}, "must be different"),
    ({"texts": ("a", "", "b")}, "not empty"),
    ({"texts": "abc"}, "texts must be a sequence of strings."),
    ({"texts": ("a", 1, "b")}, "texts must be a sequence of strings."),
    ({"texts": ("a", "\ud800", "b")}, "half of a surrogate pair"),
    ({"columns": {"topic": ("a",)}}, "column 'topic' has 1 values for 3 texts"),
    ({"columns": {"text": ("a", "b", "c")}}, "column 'text'"),
    ({"columns": {"": ("a", "b", "c")}}, "column ''"),
    ({"seed": -1}, "the seed must be"),
    ({"seed": 2**32}, "the seed must be"),
    ({"available": 2}, "available is 2, expected a whole number of at least 3."),
    ({"source": ""}, "source must be a spec without a path"),
    ({"source": "/home/me/a.txt"}, "source must be a spec without a path"),
    ({"heldout": ("one",)}, "none of them in the sample"),
    ({"heldout": ("x", "x")}, "different texts"),
    ({"heldout": tuple(map(str, range(1001)))}, "at most 1000"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_parts_that_contradict_each_other_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(TextsError) as caught:
        replace(SAMPLE, **change)
    assert said in str(caught.value)


def test_a_sample_is_frozen_to_its_columns() -> None:
    with pytest.raises(FrozenInstanceError):
        SAMPLE.seed = 1  # frozen: that is the test
    with pytest.raises(TypeError):
        SAMPLE.columns["topic"] = ()  # read-only: that is the test
    assert len(SAMPLE) == 3


def test_the_digest_is_that_of_the_ordered_texts_alone() -> None:
    expected = hashlib.sha256('["one","zwei \U0001f600","three\u202e"]'.encode()).hexdigest()
    assert SAMPLE.digest == expected
    assert replace(SAMPLE, seed=1, source="demo", heldout=()).digest == expected
    assert replace(SAMPLE, texts=SAMPLE.texts[::-1]).digest != expected


def test_a_sample_is_equal_after_writing_and_reading(tmp_path: Path) -> None:
    SAMPLE.write(tmp_path / "texts.parquet")
    read = Texts.read(tmp_path / "texts.parquet")
    assert read == SAMPLE
    assert (read.digest, hash(read), list(read.columns)) == (SAMPLE.digest, hash(SAMPLE), ["topic", "label"])


def test_the_demo_sample_is_equal_after_writing_and_reading(tmp_path: Path) -> None:
    sample = load_texts("demo", n=150, seed=3)
    sample.write(tmp_path / "texts.parquet")
    assert Texts.read(tmp_path / "texts.parquet") == sample


def test_very_long_heldout_texts_come_back(tmp_path: Path) -> None:
    sample = replace(SAMPLE, heldout=tuple(f"{i}" + "x" * 900_000 for i in range(120)))
    sample.write(tmp_path / "texts.parquet")
    assert Texts.read(tmp_path / "texts.parquet") == sample
    assert (tmp_path / "texts.parquet").stat().st_size < 1.1 * sum(map(len, sample.heldout)), "stored more than once"


def test_the_file_is_plain_parquet_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    SAMPLE.write(tmp_path / "a.parquet")
    SAMPLE.write(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_table(tmp_path / "a.parquet").to_pydict() == {
        "text": list(SAMPLE.texts),
        "topic": ["a", "b", ""],
        "label": ["1", "2", "3"],
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_a_sample_is_equal_after_copying_and_pickling() -> None:
    assert pickle.loads(pickle.dumps(SAMPLE)) == copy.deepcopy(SAMPLE) == SAMPLE


def test_a_changed_text_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "texts.parquet"
    SAMPLE.write(path)
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "text", pa.array(["one", "two", "three"])), path)
    with pytest.raises(TextsError, match=r"texts\.parquet was changed"):
        Texts.read(path)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "was not written by obce"),
        ({"obce.texts": "{"}, "is damaged"),
        ({"obce.texts": "[]"}, "is damaged"),
        ({"obce.texts": "[" * 100_000}, "is damaged"),
        ({"obce.texts": '{"format": "obce-texts/1"}'}, "is damaged"),
        ({"obce.texts": '{"format": "obce-texts/9"}'}, "has format 'obce-texts/9', expected 'obce-texts/1'"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused(tmp_path: Path, metadata: dict[str, str], said: str) -> None:
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": ["one", "two"]}).replace_schema_metadata(metadata), path)
    with pytest.raises(TextsError) as caught:
        Texts.read(path)
    assert said in str(caught.value)


def test_a_file_that_is_absent_or_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match="No such file"):
        Texts.read(tmp_path / "absent.parquet")
    (tmp_path / "a.parquet").write_text("no", "utf-8")
    with pytest.raises(TextsError, match="is not a readable parquet file"):
        Texts.read(tmp_path / "a.parquet")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(TextsError, match="Cannot write"):
        SAMPLE.write(tmp_path / "file" / "texts.parquet")
