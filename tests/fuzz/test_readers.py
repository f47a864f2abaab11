"""A small number of the cases of `make fuzz`, another seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.fuzz import CASES, READERS, RESULT, fuzz


@pytest.mark.parametrize("name", READERS)
def test_adversarial_documents_end_with_a_value_or_one_line_of_our_own_errors(name: str, tmp_path: Path) -> None:
    found = fuzz(name, 150, tmp_path, seed=1)
    assert sum(found["ends"].values()) == 150 and found["ends"]["accepted"] > 0


def test_the_record_is_of_whole_runs() -> None:
    record = json.loads(RESULT.read_text("utf-8"))
    assert record and set(record) <= set(READERS)
    assert all(entry["cases"] == CASES == sum(entry["ends"].values()) for entry in record.values())
