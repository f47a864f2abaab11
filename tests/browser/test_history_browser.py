"""Back and Forward in Chromium: one entry a selection, each drawn again; a first address and a reload keep it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tiny import sample

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from tests.browsing import serve, settle, watch


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history-browser")


@pytest.fixture(scope="module")
def measured(home: Path, tiny_folder: Path) -> Analysis:
    made = analyze(tiny_folder, sample(20), out=home / "made")
    (home / "cache" / "analyses").mkdir(parents=True)
    shutil.copytree(home / "made", home / "cache" / "analyses" / made.id)
    return made


@pytest.fixture(scope="module")
def server(home: Path, measured: Analysis) -> Iterator[str]:
    with serve(home / "cache") as address:
        yield address


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    faults = watch(opened)
    yield opened
    context.close()
    assert faults == []


def query(page: Any) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def heading(page: Any, text: str) -> None:
    page.get_by_role("heading", name=text, exact=True).wait_for()
    settle(page)


def is_chosen(page: Any, name: str) -> None:
    """Wait until one radio of this name is there, and it is checked: the one from before goes only as the run ends."""
    from playwright.sync_api import expect

    expect(page.get_by_role("radio", name=name, exact=True, checked=False)).to_have_count(0)
    expect(page.get_by_role("radio", name=name, exact=True, checked=True)).to_have_count(1)


def nav(page: Any, name: str) -> None:
    page.locator('[data-testid="stSidebarNavLink"]').filter(has_text=name).click()


def entries(page: Any) -> int:
    return int(page.evaluate("history.length"))


def test_five_selections_are_five_entries_back_and_forth(page: Any, server: str, measured: Analysis) -> None:
    page.goto(f"{server}/neuron?analysis={measured.id}&layer=3&component=value&neuron=7")
    heading(page, "Layer 3 · Value · neuron 7")
    page.wait_for_function("window.obceHistory !== undefined")
    settle(page)
    begin, shown = entries(page), ["Layer 3 · Value · neuron 7"]
    for name in ("Higher", "Lower", "Lower", "Lower"):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_function("before => document.querySelector('h1').textContent !== before", arg=shown[-1])
        settle(page)
        shown.append(page.locator("h1").inner_text())
        page.wait_for_url(f"**neuron={shown[-1].rsplit(' ', 1)[-1]}*")
    page.get_by_role("button", name="Pin", exact=True).click()
    page.get_by_role("button", name="Unpin", exact=True).wait_for()
    page.wait_for_url("**pinned=*")
    settle(page)
    assert entries(page) == begin + 5
    last = query(page)
    page.go_back()
    page.get_by_role("button", name="Pin", exact=True).wait_for()
    settle(page)
    for name in reversed(shown[:-1]):
        page.go_back()
        heading(page, name)
    assert query(page)["neuron"] == "7"
    for name in shown[1:]:
        page.go_forward()
        heading(page, name)
    page.go_forward()
    page.get_by_role("button", name="Unpin", exact=True).wait_for()
    settle(page)
    assert query(page) == last and entries(page) == begin + 5
    page.reload()
    heading(page, shown[-1])
    page.get_by_role("button", name="Unpin", exact=True).wait_for()
    assert query(page) == last and entries(page) == begin + 5


TITLES = {"/": "Your work", "/importance": "Importance", "/plan": "Plan", "/learn": "What is a shape made of?"}


def at_page(page: Any, path: str) -> None:
    """Wait until the page at this path has its address and has run to its end: its heading comes with the run."""
    page.wait_for_url(f"**{path}?*")
    heading(page, TITLES[path])


def test_a_change_of_page_is_one_entry(page: Any, server: str, measured: Analysis) -> None:
    page.goto(server)
    page.wait_for_url(f"**analysis={measured.id}*")  # completed in the entry that is there
    at_page(page, "/")
    page.wait_for_function("window.obceHistory !== undefined")
    begin = entries(page)
    for name, path in (("Importance", "/importance"), ("Plan", "/plan"), ("Lessons", "/learn")):
        nav(page, name)
        at_page(page, path)
    assert entries(page) == begin + 3
    for path in ("/plan", "/importance", "/"):
        page.go_back()
        at_page(page, path)
    for path in ("/importance", "/plan", "/learn"):
        page.go_forward()
        at_page(page, path)
    assert entries(page) == begin + 3


def test_widgets_of_a_page_follow(page: Any, server: str, measured: Analysis) -> None:
    page.goto(f"{server}/importance?analysis={measured.id}")
    heading(page, "Importance")
    page.wait_for_function("window.obceHistory !== undefined")
    settle(page)
    begin = entries(page)
    page.get_by_role("radio", name="Lines").click()
    page.wait_for_url("**figure=lines*")
    settle(page)
    page.get_by_role("radio", name="linear").click()
    page.wait_for_url("**scale=linear*")
    settle(page)
    assert entries(page) == begin + 2
    page.go_back()
    page.wait_for_url("**figure=lines")
    settle(page)
    is_chosen(page, "log")
    is_chosen(page, "Lines")
    page.go_back()
    page.locator(".cellmap").wait_for()
    settle(page)
    is_chosen(page, "Map")
    page.go_forward()
    page.wait_for_url("**figure=lines")
    settle(page)
    is_chosen(page, "Lines")
    assert "figure" in query(page) and "scale" not in query(page)


def test_lessons_and_their_figures_follow(page: Any, server: str) -> None:
    page.goto(f"{server}/learn?lesson=2")
    page.get_by_role("radio", name="Two blobs").wait_for()
    page.wait_for_function("window.obceHistory !== undefined")
    settle(page)
    begin = entries(page)
    page.get_by_role("radio", name="Two blobs").click()
    page.wait_for_url("**lesson_points=blobs*")
    settle(page)
    page.get_by_role("radio", name="3 Barcodes").click()
    page.wait_for_url("**lesson=3*")
    settle(page)
    assert entries(page) == begin + 2
    page.go_back()
    page.wait_for_url("**lesson=2*")
    settle(page)
    is_chosen(page, "2 Growing disks")
    is_chosen(page, "Two blobs")
    page.go_back()
    page.wait_for_url(lambda url: "lesson_points" not in url)
    settle(page)
    is_chosen(page, "Ring")
    page.go_forward()
    page.wait_for_url("**lesson_points=blobs*")
    settle(page)
    is_chosen(page, "Two blobs")


def test_home_by_name_and_an_unknown_page(page: Any, server: str) -> None:
    from playwright.sync_api import expect

    page.goto(f"{server}/home")
    page.get_by_role("heading", name="Your work").wait_for()
    settle(page)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    page.goto(f"{server}/nowhere")
    expect(page.get_by_text("There is no page /nowhere.")).to_be_visible()
    page.get_by_role("heading", name="Your work").wait_for()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_analysis_deleted_elsewhere_is_said_and_none_takes_its_place(
    page: Any, server: str, home: Path, tiny_folder: Path
) -> None:
    from playwright.sync_api import expect

    folder = home / "cache" / "analyses"
    made = analyze(tiny_folder, sample(12), out=home / "second")
    shutil.copytree(home / "second", folder / made.id)
    page.goto(f"{server}/neuron?analysis={made.id}&layer=3&component=value&neuron=7")
    heading(page, "Layer 3 · Value · neuron 7")
    shutil.move(folder / made.id, home / "trash")
    page.get_by_role("button", name="Lower", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(f"Analysis {made.id}")
    expect(page.get_by_role("alert")).to_contain_text("was deleted")
    for name in ("Importance", "Plan", "Model", "Home"):  # it is said on every page, until the user selects another
        nav(page, name)
        settle(page)
        expect(page.get_by_role("alert")).to_contain_text("was deleted")
    page.get_by_role("button", name="Select it").click()
    expect(page.get_by_role("alert")).to_have_count(0)
