"""The bill is near what an analysis really takes, and names no time that was not measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from obce_core.analysis.analysis import ACTIVATIONS, IMPORTANCE
from obce_core.analysis.catalog import Saved
from obce_core.analysis.estimate import estimate_analysis
from obce_core.models import check_model


def test_disk_is_near_what_it_really_takes(tiny_analysis: Any, tiny_folder: Path) -> None:
    found = estimate_analysis(check_model(tiny_folder), n_texts=20, max_length=128, tokens="cls")
    real = sum((tiny_analysis.folder / name).stat().st_size for name in (ACTIVATIONS, IMPORTANCE))
    assert 0.6 * real < found.disk < 1.2 * real  # a small file is mostly headers
    assert found.disk_free > 0 and not found.at_most
    assert estimate_analysis(check_model(tiny_folder), n_texts=20, max_length=128, tokens="all").at_most


def test_time_is_that_of_the_nearest_analysis_like_it(tiny_analysis: Any, tiny_folder: Path) -> None:
    report = check_model(tiny_folder)

    def saved(n: int, seconds: float, **changes: Any) -> Saved:
        told = {**tiny_analysis.meta, "seconds": seconds, "texts": {**tiny_analysis.meta["texts"], "n": n}, **changes}
        return Saved(meta=told, folder=Path("nowhere"))

    others = [saved(150, 1.0, tokens="all"), saved(150, 1.0, max_length=64), saved(150, 0.0)]
    others.append(saved(150, 1.0, model={**tiny_analysis.meta["model"], "tensors": {}}))
    none = estimate_analysis(report, n_texts=150, max_length=128, tokens="cls", saved=others)
    assert none.seconds is None and none.rate is None and none.measured_on == 0
    found = estimate_analysis(
        report, n_texts=150, max_length=128, tokens="cls", saved=[*others, saved(1500, 10.0), saved(200, 4.0)]
    )
    assert (found.rate, found.measured_on, found.seconds) == (50.0, 200, pytest.approx(3.0))


def test_the_start_is_that_of_earlier_runs_of_the_model(tiny_analysis: Any, tiny_folder: Path, cache: Path) -> None:
    from obce_core.jobs import Status, create_run
    from obce_core.jobs.startup import start_seconds

    made = 1_700_000_000.0

    def entry(number: int, n: int = 150) -> Saved:
        told = {
            **tiny_analysis.meta,
            "id": f"{number:016x}",
            "seconds": 4.0,
            "created": "2023-11-14T22:13:20Z",
            "texts": {**tiny_analysis.meta["texts"], "n": n},
        }
        return Saved(meta=told, folder=Path("nowhere"))

    def ran(number: int, queued: float, started: float, ended: float, attempt: int = 1) -> None:
        run, _ = create_run("analyze", {"model": "m"}, f"nonce-{number}-{attempt}-{ended:.0f}", launcher="local")
        (run.folder / "result.json").write_text(json.dumps({"analysis": f"{number:016x}"}))
        run.write_status(
            Status(
                state="done",
                queued=made + queued,
                started=made + started,
                ended=made + ended,
                attempt=attempt,
                launcher="local",
            )
        )

    entries = [entry(number) for number in range(5)]
    assert start_seconds(entries) == {}
    ran(0, -11, -9, 1)  # 12 s in all, 4 s of them measured
    ran(1, -611, -9, 1)  # waited ten minutes for a place
    ran(2, 500, 501, 502)  # found it there
    ran(3, -30, -9, 1, attempt=2)  # resumed: its time says nothing
    starts = start_seconds(entries)
    assert starts == {f"{0:016x}": pytest.approx(8.0), f"{1:016x}": pytest.approx(608.0)}
    report = check_model(tiny_folder)
    told = estimate_analysis(report, n_texts=300, max_length=128, tokens="cls", saved=entries, starts=starts)
    assert told.start == pytest.approx(8.0) and told.seconds == pytest.approx(8.0 + 300 * 4 / 150)
    bare = estimate_analysis(report, n_texts=300, max_length=128, tokens="cls", saved=entries)
    assert bare.start is None and bare.seconds == pytest.approx(8.0)


def test_where_the_system_does_not_say_memory_is_unknown(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("obce_core.storage.resources._PROC", Path("/nowhere"))
    monkeypatch.setattr("obce_core.storage.resources._CGROUP", Path("/nowhere"))
    assert estimate_analysis(check_model(tiny_folder), n_texts=2, max_length=8, tokens="cls").memory_free is None
