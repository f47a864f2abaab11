"""Forms by their content: what is named comes back, what is damaged does not, and old ones go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from obce_core import forms
from obce_core.forms import keep_form, read_form


def test_a_form_comes_back_by_its_id() -> None:
    values = {"seed": 7, "model": "<b>ä</b>", "split": True, "heldout": ""}
    key = keep_form(values)
    assert read_form(key) == values and keep_form(dict(reversed(values.items()))) == key
    assert keep_form({**values, "seed": 8}) != key and read_form(key) == values
    assert keep_form({}) == "" and read_form("") == {}


@pytest.mark.parametrize("key", ["0" * 16, "../../etc/passwd", "0" * 15, "g" * 16])
def test_an_unknown_id_is_an_empty_form(key: str) -> None:
    assert read_form(key) == {}


def test_a_file_that_is_not_what_its_name_says_is_ignored(cache: Path) -> None:
    key = keep_form({"seed": 7})
    for damaged in ('{"seed": 8}', "{", "[1]"):
        (cache / "forms" / f"{key}.json").write_text(damaged)
        assert read_form(key) == {}


def test_only_the_newest_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST", 5)
    keys = []
    for seed in range(9):
        keys.append(keep_form({"seed": seed}))
        os.utime(cache / "forms" / f"{keys[-1]}.json", ns=(seed, seed))
    assert [bool(read_form(key)) for key in keys] == [False] * 4 + [True] * 5
