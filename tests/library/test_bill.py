"""The bill is near what an analysis really takes, and names no time that was not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from obce_core.analysis import ACTIVATIONS, IMPORTANCE
from obce_core.bill import bill
from obce_core.models import check_model
from obce_core.saved import Saved


def test_disk_is_near_what_it_really_takes(tiny_analysis: Any, tiny_folder: Path) -> None:
    found = bill(check_model(tiny_folder), n_texts=20, max_length=128, tokens="cls")
    real = sum((tiny_analysis.folder / name).stat().st_size for name in (ACTIVATIONS, IMPORTANCE))
    assert 0.6 * real < found.disk < 1.2 * real  # a small file is mostly headers
    assert found.disk_free > 0 and not found.at_most
    assert bill(check_model(tiny_folder), n_texts=20, max_length=128, tokens="all").at_most


def test_time_is_that_of_the_nearest_analysis_like_it(tiny_analysis: Any, tiny_folder: Path) -> None:
    report = check_model(tiny_folder)

    def saved(n: int, seconds: float, **changes: Any) -> Saved:
        told = {**tiny_analysis.meta, "seconds": seconds, "texts": {**tiny_analysis.meta["texts"], "n": n}, **changes}
        return Saved(meta=told, folder=Path("nowhere"))

    others = [saved(150, 1.0, tokens="all"), saved(150, 1.0, max_length=64), saved(150, 0.0)]
    others.append(saved(150, 1.0, model={**tiny_analysis.meta["model"], "tensors": {}}))
    none = bill(report, n_texts=150, max_length=128, tokens="cls", saved=others)
    assert none.seconds is None and none.rate is None and none.measured_on == 0
    found = bill(report, n_texts=150, max_length=128, tokens="cls", saved=[*others, saved(1500, 10.0), saved(200, 4.0)])
    assert (found.rate, found.measured_on, found.seconds) == (50.0, 200, pytest.approx(3.0))


def test_where_the_system_does_not_say_memory_is_unknown(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.bill._MEMINFO", Path("/nowhere"))
    assert bill(check_model(tiny_folder), n_texts=2, max_length=8, tokens="cls").memory_free is None
