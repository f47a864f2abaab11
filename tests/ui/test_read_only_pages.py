"""A read-only dashboard: every page opens, no button changes the disk, and each visitor has an own plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pages_app import FILES, adopt, faults, open_page, words

from obce_core.jobs import create_run, list_runs
from obce_core.plan import PruneSpec
from obce_core.plan.storage import save_version, write_draft


@pytest.fixture
def demo(tiny_analysis: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Fill a cache with an analysis, a draft, a version and two runs, and make it read-only."""
    key = adopt(tiny_analysis, cache)
    write_draft(key, PruneSpec(cells={3: {"value": 50}}), seen="")
    save_version(key, "half", PruneSpec(cells={3: {"value": 50}}))
    for state in ("queued", "failed"):
        run, _ = create_run("drill", {"seconds": 1}, f"run-{state}", launcher="local")
        run.write_status(
            run.status().__class__(
                state=state, launcher="local", reason="made up", spec_sha256=run.status().spec_sha256
            )
        )
    monkeypatch.setenv("OBCE_READ_ONLY", "1")
    return key


def tree(folder: Path) -> dict[str, bytes]:
    ours = [path for path in folder.rglob("*") if path.is_file() and path.name != "warm.log"]  # the server's own
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(ours)}


_FORBIDDEN = {
    "Start",
    "Run the demo",
    "Build",
    "Delete",
    "Save",
    "Rename",
    "Cancel",
    "Resume",
    "Undo",
    "Save the name",
    "Verify in full",
}


@pytest.mark.parametrize("name", FILES)
def test_no_button_changes_the_disk(name: str, demo: str, cache: Path) -> None:
    before = tree(cache)
    address = {"analysis": demo, "run": "run-failed"} if name == "runs" else {"analysis": demo}
    app = open_page(name, **address)
    assert not app.exception
    labels = [(button.label, button.key) for button in app.button if not button.disabled]
    allowed = {"Build"} if name == "plan" else set()  # there it leads to the Model page
    assert {label for label, _ in labels} & (_FORBIDDEN - allowed) == set()
    for label, key in labels:
        app = open_page(name, **address)
        for button in app.button:
            if (button.label, button.key) == (label, key) and not button.disabled:
                button.click().run()
                break
        assert not app.exception, (label, app.exception)
        assert tree(cache) == before, label


SAID = [
    ("analysis", "Measuring a model"),
    ("launch", "Launching an evaluation"),
    ("runs", "Cancelling and resuming"),
    ("model", "Building a model"),
]


@pytest.mark.parametrize(("name", "said"), SAID)
def test_a_page_says_in_a_line_what_is_not_possible(name: str, said: str, demo: str) -> None:
    app = open_page(name, analysis=demo, **({"run": "run-failed"} if name == "runs" else {}))
    assert f"{said} is not possible: this dashboard is read-only." in words(app)
    assert faults(app) == [] or name == "runs"


def test_an_empty_read_only_dashboard_offers_no_demo_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBCE_READ_ONLY", "1")
    app = open_page("home")
    assert not app.exception and "Run the demo" not in [button.label for button in app.button]
    assert "Running the demo is not possible" in words(app)
    assert not cache.exists() or list_runs() == []


def test_two_visitors_edit_two_plans_and_neither_reaches_the_disk(demo: str, cache: Path) -> None:
    before = tree(cache)
    first, second = open_page("plan", analysis=demo), open_page("plan", analysis=demo)
    first.button(key="all-70").click().run()
    second.button(key="all-30").click().run()
    first.run()
    plans = [app.session_state["obce"].intents[demo][-1].percentile(4, "value") for app in (first, second)]
    assert plans == [70.0, 30.0]
    assert "Another tab changed this plan" not in words(first) + words(second)
    assert open_page("plan", analysis=demo).session_state["obce"].intents[demo][-1] == PruneSpec(
        cells={3: {"value": 50}}
    )
    assert tree(cache) == before
    first.button(key="undo").click().run()
    assert not first.exception
