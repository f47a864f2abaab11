"""Plain text files, and everything that is not one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from obce_core import settings
from obce_core.errors import TextsError, UnknownName
from obce_core.texts import load_texts
from obce_core.texts.files.lines import numbered_lines

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

READ = [
    ("lines", b"one\ntwo\n", ("one", "two")),
    ("no end of line", b"one\ntwo", ("one", "two")),
    ("Windows and old Mac line ends", b"one\r\ntwo\rthree", ("one", "two", "three")),
    ("byte order mark", b"\xef\xbb\xbfone\ntwo\n", ("one", "two")),
    ("blank lines and spaces", b"\n  one \n\n\t\ntwo\n", ("one", "two")),
    ("stray NUL and control characters", b"one\x00\ntw\x07o is here\n", ("one", "two is here")),
    (
        "what looks like code",
        b"<script>\n![x](http://t/x.png)\n=HYPERLINK()\n",
        ("<script>", "![x](http://t/x.png)", "=HYPERLINK()"),
    ),
    ("line separators of Unicode stay", "one\u2028uno\ntwo\u0085dos\n".encode(), ("one\u2028uno", "two\u0085dos")),
    ("repeated lines", b"b\na\nb\na\n", ("b", "a")),
]

REFUSED = [
    ("empty.txt", b"", "empty.txt is empty."),
    ("blank.txt", b"\n \n\n", "needs at least 2 different texts; got 0 distinct of 0."),
    ("one.txt", b"only one\n", "needs at least 2 different texts; got 1 distinct of 1."),
    ("same.txt", b"same\n" * 150, "needs at least 2 different texts; got 1 distinct of 150."),
    ("latin.txt", b"one\ntwo\ncaf\xe9 three\n", "latin.txt is not UTF-8: byte 0xe9 at offset 11, line 3."),
    ("cut.txt", b"one\ntwo\xc3", "not UTF-8: byte 0xc3 at offset 7, line 2."),
    ("bom.txt", b"\xef\xbb\xbfone\n\xff two", "not UTF-8: byte 0xff at offset 7, line 2."),
    ("wide.txt", "one\ntwo\n".encode("utf-16"), "wide.txt is UTF-16; expected UTF-8."),
    ("wide-no-mark.txt", "one\ntwo\n".encode("utf-16-le"), "is UTF-16; expected UTF-8."),
    ("wide-big.txt", "one\ntwo\n".encode("utf-16-be"), "is UTF-16; expected UTF-8."),
    ("image.txt", PNG, "image.txt is a PNG image, not text."),
    ("image.csv", PNG, "image.csv is a PNG image, not text."),
    ("noise.txt", bytes(range(256)) * 9, "noise.txt is a binary file, not text."),
    ("zeros.txt", bytes(100), "zeros.txt is a binary file, not text."),
    ("packed.txt", b"\x00\x01\x02binary", "is a binary file, not text."),
    ("archive.txt", b"PK\x03\x04rest", "is a zip archive"),
    ("image.png", PNG, "image.png has none of the endings .txt, .csv, .tsv, .jsonl, .parquet."),
]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_a_line_of_a_text_file_is_a_text_as_it_is(tmp_path: Path, data: bytes, expected: tuple[str, ...]) -> None:
    assert load_texts(write(tmp_path, "a.txt", data), n=None).texts == expected


@pytest.mark.parametrize(("name", "data", "said"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(TextsError) as caught:
        load_texts(str(write(tmp_path, name, data)), n=None)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_source_is_the_base_name_and_the_sha256_and_never_the_folder(tmp_path: Path) -> None:
    data = b"one\ntwo\n"
    sample = load_texts(write(tmp_path, "a.txt", data), n=2)
    assert sample.source == f"file:a.txt#sha256={hashlib.sha256(data).hexdigest()}"
    assert str(tmp_path) not in repr(sample)


def test_a_line_beyond_the_limit_is_named_with_its_length(tmp_path: Path) -> None:
    path = write(tmp_path, "long.txt", b"short\n" * 6 + b"x" * 1_000_001 + b"\nshort\n")
    with pytest.raises(TextsError, match=r"long\.txt line 7 is 1,000,001 characters; limit 1,000,000\."):
        load_texts(path, n=None)


def test_a_line_at_the_limit_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "long.txt", b"short\n" + b"x" * 1_000_000)
    assert [len(text) for text in load_texts(path, n=None).texts] == [5, 1_000_000]


def test_one_line_of_twenty_megabytes_is_counted_but_not_held(tmp_path: Path) -> None:
    path = write(tmp_path, "long.txt", b"x" * 20_000_000)
    with pytest.raises(TextsError, match=r"line 1 is 20,000,000 characters; limit 1,000,000\."):
        load_texts(path)


def test_lines_that_cross_the_chunks_of_reading_are_whole(tmp_path: Path) -> None:
    lines = [f"{i} " + "é" * (i % 7) * 1000 for i in range(700)]
    path = write(tmp_path, "many.txt", "\r\n".join(lines).encode())
    assert path.stat().st_size > 2 * 1024**2
    assert list(numbered_lines(path)) == list(enumerate(lines, 1))


def test_a_bad_byte_in_a_later_chunk_is_found_at_its_offset(tmp_path: Path) -> None:
    path = write(tmp_path, "many.txt", b"0123456789abcde\n" * 80_000 + b"\xff\n")
    with pytest.raises(TextsError, match="byte 0xff at offset 1280000, line 80001"):
        load_texts(path)


def test_a_file_above_the_size_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAX_TEXT_FILE_BYTES", 10)
    with pytest.raises(TextsError, match=r"a\.txt has 11 bytes; limit 10\."):
        load_texts(write(tmp_path, "a.txt", b"one two thr"))


def test_a_missing_file_is_named_and_the_sources_are_listed(tmp_path: Path) -> None:
    with pytest.raises(TextsError) as caught:
        load_texts(str(tmp_path / "absent.txt"))
    assert caught.value.message == f"No such file: {tmp_path / 'absent.txt'}."
    assert "demo, wikipedia, glue:TASK, FILE" in caught.value.hint


def test_a_folder_is_not_a_regular_file(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"is not a regular file \(it is a folder\)"):
        load_texts(tmp_path)


def test_a_fifo_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(TextsError, match="is not a regular file"):
        load_texts(tmp_path / "pipe.txt")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero on this system")
def test_a_device_is_refused() -> None:
    with pytest.raises(TextsError, match="is not a regular file"):
        load_texts("/dev/zero")


def test_a_link_to_nowhere_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(TextsError, match="No such file"):
        load_texts(tmp_path / "link.txt")


def test_a_path_with_nul_is_no_file() -> None:
    with pytest.raises(TextsError, match="No such file"):
        load_texts("a\0b.txt")


def test_a_column_of_plain_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextsError, match=r"a\.txt is plain text and has no columns"):
        load_texts(write(tmp_path, "a.txt", b"one\ntwo\n"), n=2, column="text")


def test_split_periods_cuts_the_lines_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"The first one has five words. Too short. The second has five words too.\n")
    sample = load_texts(path, n=2, split="periods")
    assert sample.texts == ("The first one has five words.", "The second has five words too.")
    assert "Cut at periods; pieces of fewer than 5 or more than 80 words, left out: 1." in sample.notes


def test_an_unknown_split_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Unknown split 'commas'; known: periods"):
        load_texts(write(tmp_path, "a.txt", b"one\ntwo\n"), split="commas")
