"""The list of runs: quick with a thousand of them, every state in its words."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from obce_core.jobs import STATES, Run, Status, create_run
from obce_core.jobs.listing import GLYPHS, about, kind_title, listing, state_words, tally
from obce_core.storage.atomic import write_json


def test_a_thousand_runs_are_listed_by_their_status_files_alone(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = cache / "runs"
    states = ("done", "failed", "cancelled", "lost")
    for number in range(1_000):
        folder = home / f"run-{number:06}"
        folder.mkdir(parents=True)
        write_json(
            folder / "spec.json", {"kind": "evaluate", "options": {"units": []}, "form": "", "created": float(number)}
        )
        write_json(folder / "status.json", dict(Status(state=states[number % 4], started=1.0, ended=2.0).__dict__))
    opened: list[str] = []
    real = Run._read
    monkeypatch.setattr(Run, "_read", lambda self, name, check: (opened.append(name), real(self, name, check))[1])
    assert tally(listing()) == {"done": 250, "failed": 250, "cancelled": 250, "lost": 250}
    assert opened.count("status.json") <= 3_000 and "spec.json" not in opened  # the state alone is read


def test_a_run_that_was_just_made_is_first(cache: Path) -> None:
    create_run("analyze", {"model": "demo"}, "first-run")
    time.sleep(0.02)
    create_run("analyze", {"model": "demo"}, "second-run")
    assert [row.run.id for row in listing()] == ["second-run", "first-run"]


def test_every_state_has_a_glyph_and_every_kind_a_line() -> None:
    assert set(GLYPHS) == set(STATES) and len(set(GLYPHS.values())) == len(STATES)
    assert (
        state_words("failed") == "✕ failed"
        and kind_title("evaluate") == "Evaluation"
        and kind_title("no such") == "no such"
    )
    units = [
        {"variant": {"label": label}, "task": task, "seed": seed}
        for label in "ab"
        for task in ("cola", "rte")
        for seed in (0, 1)
    ]
    assert about({"kind": "evaluate", "options": {"units": units}}) == "2 models on cola, rte, 2 seeds"
    assert about({"kind": "evaluate", "options": {"units": [{}]}}) == "units that cannot be read"
    assert about({"kind": "compress", "options": {"plan": "/x/y/abc.plan.json"}}) == "plan abc"
    assert about({"kind": "verify", "options": {"model": "/x/y/cut"}}) == "cut" and about({}) == ""
