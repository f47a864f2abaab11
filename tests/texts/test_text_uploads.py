"""What comes through the browser is kept by content and name, and read elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from obce_core.errors import PathError, TextsError
from obce_core.texts import load_texts
from obce_core.texts.uploads import file_name, store_upload, upload_path, upload_ref


def test_equal_bytes_of_one_name_are_one_file_in_the_cache(cache: Path) -> None:
    first, again, other = (
        store_upload(b"a b\nc d", "a.txt"),
        store_upload(b"a b\nc d", "a.txt"),
        store_upload(b"x", "a.txt"),
    )
    renamed = store_upload(b"a b\nc d", "b.txt")
    assert first == again and len({first, other, renamed}) == 3 and Path(first).read_bytes() == b"a b\nc d"
    assert len(list((cache / "texts").iterdir())) == 3


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("survey.csv", "survey.csv"),
        ("Meine Umfrage (1).CSV", "Meine Umfrage (1).csv"),
        ("调查.tsv", "调查.tsv"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\data\\a.txt", "a.txt"),
        ("..csv", "csv"),
        (".hidden.csv", "hidden.csv"),
        ("a\nb\0c\u202e.csv", "a_b_c_.csv"),
        ("~root.txt", "root.txt"),
        ("é" * 300 + ".parquet", "é" * 56 + ".parquet"),
        ("half\ud800.txt", "half_.txt"),
    ],
)
def test_a_name_stays_as_it_was_given_as_far_as_a_file_can_have_it(given: str, name: str) -> None:
    assert file_name(given) == name


def test_the_source_of_an_upload_and_its_errors_have_its_name(cache: Path) -> None:
    path = store_upload(b"text,label\nable acid,0\nbaby back,1\n", "survey.csv")
    assert load_texts(path, n=None).source.startswith("file:survey.csv#sha256=")
    wide = store_upload("text,label\nable acid,0\n".encode("utf-16"), "survey.csv")
    with pytest.raises(TextsError, match=r"^survey\.csv is UTF-16; expected UTF-8\."):
        load_texts(wide, n=None)


def test_a_reference_finds_its_upload_and_nothing_else(cache: Path) -> None:
    path = store_upload(b"x", "a.txt")
    assert str(upload_path(upload_ref(path))) == path
    Path(path).unlink()
    assert not upload_path(upload_ref(path)).exists()
    assert (
        upload_path("0123456789abcdef.csv") == cache.resolve() / "texts" / "0123456789abcdef.csv"
    )  # of an earlier version
    for ref in ("../a.txt", "/etc/passwd", "a/b.txt", "a\\b", "", ".."):
        with pytest.raises(PathError):
            upload_path(ref)


@pytest.mark.parametrize("name", ["x.exe", "x", "/../x.exe", "txt"])
def test_of_another_ending_nothing_is_written(name: str, cache: Path) -> None:
    with pytest.raises(TextsError, match="none of the endings"):
        store_upload(b"x", name)
    assert not (cache / "texts").exists()
