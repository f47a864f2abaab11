"""Downloads with numbers of the filtration: data are always radii; pictures use and name the unit of the page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st
from pages_app import adopt, faults, open_page
from streamlit.elements.widgets.button import ButtonMixin

from obce_core import analyze
from obce_core.criteria import CRITERIA
from tests.tiny import sample

CELL = {"layer": "3", "component": "value"}
VIEWS = [
    *(("importance", CELL | {"criterion": name}) for name in CRITERIA),
    ("importance", CELL | {"figure": "lines"}),
    ("importance", CELL | {"aggregate": "share under"}),
    ("importance", CELL | {"compare": "OTHER"}),
    ("importance", CELL | {"compare": "OTHER", "criterion": "total_persistence"}),
    ("neuron", CELL | {"neuron": "7"}),
    ("neuron", CELL | {"neuron": "7", "pinned": "3.value.5"}),
    ("neuron", CELL | {"neuron": "7", "view": "head"}),
    *(("learn", CELL | {"lesson": str(number), "neuron": "7"}) for number in range(1, 6)),
    ("learn", {"lesson": "3", "lesson_panel": "diagram"}),
    ("plan", CELL),
]
LENGTHS = re.compile(r"r_f|persistence|birth|death|closes|^radius", re.I)


@pytest.fixture(scope="module")
def other(tiny_folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return analyze(
        tiny_folder, sample(20, heldout=6, seed=5), batch_size=8, out=tmp_path_factory.mktemp("other") / "tiny"
    )


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Collect the files that a page offers: what each holds, or what makes it, by name."""
    made: dict[str, Any] = {}

    def wrapped(original: Callable[..., Any], skipped: int) -> Callable[..., Any]:
        def offer(*given: Any, **named: Any) -> Any:
            _, data, name = given[skipped : skipped + 3]
            made[name] = data
            return original(*given, **named)

        return offer

    monkeypatch.setattr(st, "download_button", wrapped(st.download_button, 0))
    monkeypatch.setattr(ButtonMixin, "download_button", wrapped(ButtonMixin.download_button, 1))
    monkeypatch.setattr("pages._shared.downloads.missing", lambda: "no pictures here")  # HTML holds the same figure
    return made


def files(offers: dict[str, Any], page: str, address: dict[str, str]) -> dict[str, str]:
    offers.clear()
    app = open_page(page, **address)
    assert not app.exception and not faults(app)
    found = {name: data() if callable(data) else data for name, data in offers.items()}
    return {
        name: text if isinstance(text, str) else text.decode()
        for name, text in found.items()
        if not name.endswith(".zip")
    }


@pytest.mark.parametrize(
    ("page", "address"), VIEWS, ids=[f"{page}-{'-'.join(address.values())}" for page, address in VIEWS]
)
def test_data_files_hold_radii_and_pictures_say_what_they_show(
    page: str, address: dict[str, str], tiny_analysis: Any, other: Any, cache: Any, offers: dict[str, Any]
) -> None:
    address = {"analysis": adopt(tiny_analysis, cache)} | address
    if address.get("compare"):
        address["compare"] = adopt(other, cache)
    off, on = files(offers, page, address), files(offers, page, address | {"edge_length": "1"})
    assert off and len(off) == len(on)
    for name, text in off.items():
        if name.endswith(".html"):
            continue
        assert on[name] == text, f"{name} follows the switch"
        if not name.endswith(".csv"):
            continue
        header = next(csv.reader(io.StringIO(text)))
        assert not [column for column in header if "edge length" in column]
        lengths = [column for column in header if LENGTHS.search(column) and not column.startswith("percentile")]
        if lengths:
            assert all("radius" in column for column in lengths), lengths
            assert re.search(r"-radius(-squared)?\.csv$", name), name
    for (before, radii), (after, edges) in zip(
        *(sorted((n, t) for n, t in offered.items() if n.endswith(".html")) for offered in (off, on)), strict=True
    ):
        if before == after:
            assert drawn(radii) == drawn(edges) and "edge length" not in drawn(radii), before
            assert ("radius" in drawn(radii)) == ("-radius" in before), before  # lessons 2 and 5 speak of radii alone
        else:
            assert before.replace("-radius", "-edge-length") == after
            assert "radius" in radii and "edge length" in edges


def drawn(html: str) -> str:
    """Return what a figure's page draws, without the random name of its place."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", html.rpartition("Plotly.newPlot")[2])


def test_numbers_in_a_data_file_are_plain(tiny_analysis: Any, cache: Any, offers: dict[str, Any]) -> None:
    """Lessons write their tables with the full numbers: no thousands comma, no true minus, no rounding."""
    address = CELL | {"analysis": adopt(tiny_analysis, cache), "lesson": "4", "neuron": "7"}
    rows = list(csv.DictReader(io.StringIO(files(offers, "learn", address)["lesson-gaps-radius.csv"])))
    values = tiny_analysis.neuron(3, "value", 7)
    for row in rows:
        left, right, radius = (float(row[name]) for name in ("left", "right", "closes at (radius)"))
        assert left in values and right in values and radius == pytest.approx((right - left) / 2, rel=1e-12)
    rows = list(csv.DictReader(io.StringIO(files(offers, "learn", address | {"lesson": "5"})["lesson-cut-radius.csv"])))
    scores = tiny_analysis.scores(3, "value")
    assert [float(row["r_f (radius)"]) for row in rows] == scores.tolist()
