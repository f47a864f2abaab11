"""Every figure is offered for download: as PNG and SVG where they can be drawn, as HTML, and its data as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pages_app import adopt, faults, open_page, words


def offered(app: Any, name: str) -> list[str]:
    """List the forms in which a figure is offered."""
    found = [element.proto.id for element in app.get("download_button")]
    return [form for form in ("png", "svg", "html", "csv") if any(key.endswith(f"-{form}-{name}") for key in found)]


@pytest.fixture(params=["", "PNG and SVG need kaleido"])
def forms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("pages._shared.downloads.missing", lambda: request.param)
    return ["html", "csv"] if request.param else ["png", "svg", "html", "csv"]


@pytest.mark.parametrize(
    ("lesson", "panel", "names"),
    [
        ("1", "", ["lesson-complex", "lesson-boundary"]),
        ("2", "", ["lesson-field", "lesson-bars"]),
        ("2", "second", ["lesson-field", "lesson-boundary"]),
        ("3", "diagram", ["lesson-field", "lesson-bars"]),
        ("4", "", ["lesson-gaps"]),
        ("5", "", ["lesson-cut"]),
    ],
)
def test_every_figure_of_the_lessons(
    lesson: str, panel: str, names: list[str], forms: list[str], tiny_analysis: Any, cache: Path
) -> None:
    address = {"lesson": lesson, "analysis": adopt(tiny_analysis, cache), "layer": "3", "component": "value"}
    app = open_page("learn", **address | ({"lesson_panel": panel} if panel else {}))
    assert not app.exception and not faults(app)
    assert {name: offered(app, name) for name in names} == dict.fromkeys(names, forms)
    assert ("need kaleido" in words(app)) == ("png" not in forms)


def test_the_plan_grid(forms: list[str], tiny_analysis: Any, cache: Path) -> None:
    app = open_page("plan", analysis=adopt(tiny_analysis, cache))
    assert not app.exception
    assert offered(app, "plan-grid") == forms == offered(app, "plan-sizes")
