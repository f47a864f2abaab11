"""Files are read in a process of their own: the same texts and errors, and an end, by name, for what needs too much."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from obce_core.background import text_reading, text_worker
from obce_core.background.text_reading import read_columns, read_texts
from obce_core.errors import BadInput, TextsError, TooFewTexts
from obce_core.texts import load_texts, text_columns


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    path = tmp_path / "survey.csv"
    path.write_text("review;label\na good film;1\na bad film;0\none more film;1\n", "utf-8")
    return path


def test_texts_and_columns_are_those_that_this_process_would_read(survey: Path) -> None:
    assert read_texts(str(survey), n=2, seed=3) == load_texts(survey, n=2, seed=3)
    assert read_columns(str(survey)) == text_columns(survey) == (("review", "label"), "review")


def test_errors_come_back_as_what_they_are(survey: Path, tmp_path: Path) -> None:
    with pytest.raises(TooFewTexts) as caught:
        read_texts(str(survey), n=50)
    assert caught.value.available == 3
    (tmp_path / "wide.csv").write_bytes("text\none\n".encode("utf-16"))
    with pytest.raises(TextsError, match=r"^wide\.csv is UTF-16; expected UTF-8\. Save it"):
        read_columns(str(tmp_path / "wide.csv"))
    with pytest.raises(BadInput, match="no-such-source"):
        read_texts("no-such-source")


def test_a_file_that_needs_too_much_memory_ends_its_own_process_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_TEXT_MEMORY", "8G")  # so that only the limit of the process is left
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 120_000, pa.int32()), pa.array(["ab " * 3_333]))
    path = tmp_path / "survey.parquet"
    pq.write_table(pa.table({"text": repeated}), path, compression="zstd")
    assert path.stat().st_size < 3_000
    with pytest.raises(TextsError, match=r"^survey\.parquet .*needs more than 300 MB to read.* Give a part of it"):
        read_texts(str(path), n=None, memory=300_000_000)


def test_a_file_that_takes_too_long_is_stopped_and_named(tmp_path: Path) -> None:
    path = tmp_path / "survey.txt"
    path.write_bytes(b"\n" * 30_000_000)
    with pytest.raises(TextsError, match=r"^survey\.txt takes more than 0\.5 s to read and was stopped\."):
        read_texts(str(path), n=None, seconds=0.5)


def test_a_sample_that_is_too_large_to_show_is_said(
    survey: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = (
        "from obce_core.background import text_worker as reader; reader.ANSWER_BYTES = 100; reader.limit_process "
        "= lambda *_: None; reader.main()"
    )
    monkeypatch.setattr(text_reading, "command", lambda *_, **__: [sys.executable, "-c", script])
    with pytest.raises(TextsError, match="too many to show"):
        read_texts(str(survey), n=None)


def test_what_the_reader_prints_never_joins_its_answer(survey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import os, obce_core.background.text_worker as reader; plain = reader.answer\n"
        "def loud(request):\n os.write(1, b'noise'); print('noise'); return plain(request)\n"
        "reader.answer = loud; reader.main()"
    )
    monkeypatch.setattr(text_reading, "command", lambda *_, **__: [sys.executable, "-c", script])
    assert len(read_texts(str(survey), n=None)) == 3


def test_a_process_that_is_aborted_is_a_damaged_file_or_one_that_needs_too_much(
    survey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_reading, "command", lambda *_, **__: [sys.executable, "-c", "import os; os.abort()"])
    with pytest.raises(
        TextsError, match=r"^survey\.csv is damaged or needs more than 400 MB to read: its reader ended unexpectedly"
    ):
        read_columns(str(survey))


def test_the_reader_imports_neither_torch_nor_transformers() -> None:
    script = (
        "import sys, obce_core.background.text_worker as r; "
        "r.answer({'task': 'texts', 'spec': 'demo', 'options': {'n': 2}}); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert not {"'torch'", "'transformers'", "'streamlit'", "'pandas'"} & set(done.stdout.strip("[]\n").split(", "))
    assert text_worker.ANSWER_BYTES == 64_000_000
