"""The columns of a table are known before one is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from obce_core.errors import TextsError
from obce_core.texts import text_columns


@pytest.mark.parametrize(
    ("name", "content", "columns", "guess"),
    [
        ("a.csv", "id,review,label\n1,good film,x\n2,bad film,y\n", ("id", "review", "label"), "review"),
        ("a.tsv", "sentence\tlabel\nab c\t1\n", ("sentence", "label"), "sentence"),
        ("a.csv", "left,right\none two,three four\n", ("left", "right"), None),
        ("a.jsonl", '{"n": 1, "text": "a b"}\n', ("text",), "text"),
        ("a.txt", "a line\n", (), None),
    ],
)
def test_columns_and_the_one_that_is_read_by_itself(
    name: str, content: str, columns: tuple[str, ...], guess: str | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    assert text_columns(tmp_path / name) == (columns, guess)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(TextsError):
        text_columns(tmp_path / "a.csv")
