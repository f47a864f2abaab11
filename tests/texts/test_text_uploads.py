"""What comes through the browser is kept by content, within limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from obce_core.errors import TextsError
from obce_core.texts.uploads import MAX_CHARS, MAX_LINES, store_upload


def test_equal_bytes_are_one_file_in_the_cache(cache: Path) -> None:
    first, again, other = store_upload(b"a b\nc d", ".txt"), store_upload(b"a b\nc d", ".txt"), store_upload(b"x", ".txt")
    assert first == again != other and Path(first).read_bytes() == b"a b\nc d"
    assert sorted(path.name for path in (cache / "texts").iterdir()) == sorted(Path(path).name for path in (first, other))


@pytest.mark.parametrize(
    ("raw", "suffix", "message"),
    [
        (b"x\n" * (MAX_LINES + 1), ".txt", "lines; limit"),
        (b"short\n" + b"x" * (MAX_CHARS + 1), ".txt", "Line 2 has"),
        (b"x", ".exe", "none of the endings"),
        (b"x", "/../x.txt", "none of the endings"),
    ],
)
def test_beyond_the_limits_nothing_is_written(raw: bytes, suffix: str, message: str, cache: Path) -> None:
    with pytest.raises(TextsError, match=message):
        store_upload(raw, suffix)
    assert not (cache / "texts").exists()
