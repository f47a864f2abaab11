"""The Runs page: every state in words, an open run with curves and log, Cancel and Resume, a thousand runs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from made import make_evaluation
from pages_app import faults, open_page, words

from obce_core.jobs import Progress, Run, Status, create_run

EVIL = "<b onclick=x>evil</b>"


def make_run(
    state: str, number: int = 0, *, reason: str = "", kind: str = "evaluate", curve: bool = False, **more: Any
) -> Run:
    unit = {"variant": {"label": EVIL, "model": "demo"}, "task": "cola", "seed": 0, "recipe": {}}
    options = {"units": [unit]} if kind == "evaluate" else {"model": "demo", "n_texts": 9}
    run, _ = create_run(kind, options, f"run-{state}-{number:04}", launcher="local")
    run.write_status(
        Status(state=state, reason=reason, started=time.time() - 60, ended=time.time(), launcher="local", **more)
    )
    if curve:
        rows = [
            {"unit": "a" * 24, "label": EVIL, "task": "cola", "seed": 0, "step": at, "loss": 1 / at} for at in (10, 20)
        ]
        (run.folder / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def test_every_state_has_its_glyph_and_word() -> None:
    for state in ("done", "failed", "cancelled", "lost"):
        make_run(state)
    app = open_page("runs")
    assert not app.exception and not faults(app)
    assert set(app.dataframe[0].value["state"]) == {"● done", "✕ failed", "‖ cancelled", "? lost"}
    assert "<b>1</b> done, <b>1</b> failed" in words(app)
    only = open_page("runs", run_state="failed")
    assert list(only.dataframe[0].value["state"]) == ["✕ failed"]


def test_the_address_opens_a_run_with_its_curves_and_log() -> None:
    run = make_run("done", curve=True)
    run.add_log("the last words")
    app = open_page("runs", run=run.id)
    assert not app.exception and not faults(app)
    shown = words(app)
    assert "Training loss" in shown and "the last words" in shown and f"obce runs show {run.id}" in shown
    assert "<b onclick" not in shown and "&lt;b onclick" in shown
    assert not [button for button in app.button if button.label in ("Cancel", "Resume")]


def test_a_failed_run_says_why_and_can_be_resumed(monkeypatch: Any) -> None:
    run = make_run("failed", reason="out of memory")
    resumed: list[str] = []
    monkeypatch.setattr("obce_core.jobs.launchers.local.LocalLauncher.resume", lambda self, run: resumed.append(run.id))
    app = open_page("runs", run=run.id)
    assert "out of memory" in words(app)
    next(button for button in app.button if button.label == "Resume").click().run()
    assert resumed == [run.id]


def test_what_cannot_be_resumed_says_so(monkeypatch: Any) -> None:
    from obce_core.errors import BadInput

    def refuse(self: Any, run: Run) -> None:
        raise BadInput("Run x is still ending.")

    monkeypatch.setattr("obce_core.jobs.launchers.local.LocalLauncher.resume", refuse)
    app = open_page("runs", run=make_run("lost").id)
    next(button for button in app.button if button.label == "Resume").click().run()
    assert not app.exception and "still ending" in words(app)


def test_a_run_at_work_shows_progress_and_can_be_cancelled() -> None:
    run = make_run("running", curve=True)
    for done in (0, 5, 10):
        run.add_progress(done, 20, "steps")
        time.sleep(0.01)
    with run.hold():
        app = open_page("runs", run=run.id)
        assert not app.exception
        shown = words(app)
        assert "◐ running" in shown and "10 of 20 steps" in shown
        next(button for button in app.button if button.label == "Cancel").click().run()
        assert run.cancel_requested()
        assert "‖ stopping" in words(app)


@pytest.mark.parametrize(("done", "percent"), [(66, 6), (67, 6), (999, 99), (1000, 100)])
def test_the_table_and_the_open_run_show_one_progress(done: int, percent: int) -> None:
    run = make_run("running")
    run.add_progress(done, 1000, "steps")
    with run.hold():
        app = open_page("runs", run=run.id)
        assert app.dataframe[0].value["done"].to_list() == [percent]
        assert f'<div class="value">{percent} % ' in words(app)


def test_both_are_drawn_from_one_reading(monkeypatch: Any) -> None:
    """Advance the run at every probe, so that a second probe would show another number."""
    run, looks = make_run("running"), iter(range(100, 1000, 100))
    monkeypatch.setattr(
        "obce_core.jobs.run.Run.progress", lambda _: Progress(done=next(looks), total=1000, what="steps")
    )
    with run.hold():
        app = open_page("runs", run=run.id)
        shown = app.dataframe[0].value["done"].to_list()[0]
        assert f'<div class="value">{shown} % ' in words(app)


def test_the_page_of_the_list_is_in_the_address() -> None:
    for number in range(60):
        make_run("done", number)
    app = open_page("runs", runs_page="2")
    assert "26 to 50 of 60" in words(app) and app.query_params["runs_page"] in ("2", ["2"])


def test_a_run_links_to_the_evaluations_that_it_made(cache: Path) -> None:
    made = make_evaluation(cache / "evaluations")
    run = make_run("done")
    (run.folder / "result.json").write_text(
        json.dumps({"evaluations": [made.id], "failed": ["P50, rte: no file"], "seconds": 1})
    )
    app = open_page("runs", run=run.id)
    assert "Evaluations of this run: 1" in words(app) and "Evaluation failed: P50, rte: no file" in words(app)
    assert made.id in app.dataframe[1].value["id"].to_list()


def test_a_thousand_runs_are_shown_by_pages() -> None:
    for number in range(60):
        make_run("done", number)
    app = open_page("runs")
    assert len(app.dataframe[0].value) == 25 and "1 to 25 of 60" in words(app)
    next(button for button in app.button if button.label == "Older").click().run()
    next(button for button in app.button if button.label == "Older").click().run()
    assert len(app.dataframe[0].value) == 10 and "51 to 60 of 60" in words(app)


def test_an_unknown_run_in_the_address_is_a_line() -> None:
    make_run("done")
    app = open_page("runs", run="no-such-run")
    assert not app.exception and "There is no run" in words(app)


def test_a_spec_damaged_by_hand_does_not_break_the_list() -> None:
    run = make_run("done")
    (run.folder / "spec.json").write_text("{")
    app = open_page("runs", run=run.id)
    assert not app.exception and "unknown" in app.dataframe[0].value["kind"].to_list()


def test_a_silent_run_of_a_cluster_is_asked_about_and_not_called_lost(monkeypatch: Any) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "obce_core.jobs.launchers.ray.RayLauncher.probe", lambda self, run: (asked.append(run.id), run.status())[1]
    )
    run, _ = create_run("drill", {}, "silent-run", launcher="ray", launch={"address": "http://silent-cluster:8265"})
    run.write_status(
        Status(
            state="running", started=time.time() - 60, launcher="ray", launch={"address": "http://silent-cluster:8265"}
        )
    )
    for done in (5, 10):
        run.add_progress(done, 20, "steps")
        time.sleep(0.01)
    app = open_page("runs", run=run.id)
    assert not app.exception and asked == [run.id] and "steps a second" not in words(app)
    assert list(app.dataframe[0].value["state"]) == ["◐ running"] and "no sign of life from its worker" in words(app)
    assert [button.label for button in app.button if button.label in ("Cancel", "Resume")] == ["Cancel"]
