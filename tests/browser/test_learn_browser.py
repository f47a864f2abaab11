"""The lessons in a real browser: points are dragged, clicked and stepped, numbers and answers follow, a link restores
it all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from obce_core.lessons import rips
from obce_core.lessons.scene import read_points, read_scene
from tests.browsing import serve

# Five points; a square of side 2 (a loop from radius 1 to 1.414) and one far away.
SQUARE = "2_2~4_2~4_4~2_4~9_7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("learn") / "cache") as address:
        yield address


@pytest.fixture
def open_learn(server: str, browser: Any) -> Iterator[Any]:
    """Open a lesson by its link; an error of the page fails the test."""
    pages, faults = [], []

    def opened(query: str, **options: Any) -> Any:
        page = browser.new_context(viewport={"width": 1280, "height": 900}, **options).new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{server}/learn?{query}")
        page.locator(".lnums").wait_for()
        page.locator(".field .dot, .field .hint").first.wait_for(state="attached")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert faults == []


def number(page: Any, name: str, wanted: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator(".lnums div").filter(has_text=name).locator("b")).to_have_text(wanted)


def address(page: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for_address(page: Any, name: str, pattern: str) -> str:
    page.wait_for_url(re.compile(f"{name}={pattern}(&|$)"))
    return address(page)[name]


def settle(page: Any) -> None:
    """Wait until the address has the points that the field shows."""

    def known(url: str) -> bool:
        points = parse_qs(urlsplit(url).query).get("lesson_points", [""])[0]
        told = [f"{x / 1000:.2f}, {y / 1000:.2f}" for x, y in read_points(points) or ()]
        labels = [
            label.split(" at ")[1]
            for label in page.locator(".field .dot").evaluate_all("(all) => all.map((dot) => dot.ariaLabel)")
        ]
        return told == labels

    until = time.monotonic() + 15
    while not known(page.url):
        assert time.monotonic() < until, page.url
        page.wait_for_timeout(50)


def test_a_dragged_point_changes_numbers_question_and_answer(open_learn: Any) -> None:
    from playwright.sync_api import expect

    page = open_learn(f"lesson=2&lesson_points={SQUARE}&lesson_radius=1.1&lesson_open=1")
    number(page, "b₀ parts", "2")
    number(page, "b₁ loops", "1")
    turn = page.locator(".st-key-your-turn")
    turn.get_by_role("radio", name="1", exact=True).click()
    expect(turn.locator(".told")).to_contain_text("Yes.")

    # The loop is opened: a corner of the square goes up to the far point.
    corner = page.locator(".field .dot").nth(2)
    box, field = corner.locator(".mark").bounding_box(), page.locator(".field svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(field["x"] + 0.7 * field["width"], field["y"] + 0.5 * field["height"], steps=4)
    page.mouse.move(field["x"] + 0.8 * field["width"], field["y"] + 0.2 * field["height"], steps=4)
    page.mouse.up()
    number(page, "b₁ loops", "0")
    settle(page)
    expect(turn.locator(".told")).to_have_text("")
    turn.get_by_role("radio", name="1", exact=True).click()
    expect(turn.locator(".told")).to_contain_text("No.")

    # What the address says now is what another browser shows.
    scene = read_scene(address(page)["lesson_points"], address(page)["lesson_radius"])
    assert [question.answer for question in rips.questions(scene)][:1] == ["0"]
    other = open_learn(urlsplit(page.url).query)
    number(other, "b₀ parts", str(scene.betti[0]))
    assert other.locator(".field .dot").nth(2).get_attribute("aria-label") == corner.get_attribute("aria-label")


def test_points_are_added_moved_and_removed_by_keys_and_in_the_table(open_learn: Any) -> None:
    page = open_learn("lesson=2&lesson_points=5_4&lesson_radius=0.5&lesson_open=1")
    number(page, "b₀ parts", "1")
    page.get_by_role("button", name="Add a point").press("Enter")
    number(page, "points", "2")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowUp")
    number(page, "b₀ parts", "2")
    moved = page.locator(".field .dot").nth(1).get_attribute("aria-label")
    page.keyboard.press("[")
    page.keyboard.press("Delete")
    number(page, "points", "1")
    assert page.locator(".field .dot").first.get_attribute("aria-label") == moved.replace("Point B", "Point A")
    page.locator(".field svg").click(position={"x": 60, "y": 60})
    number(page, "points", "2")
    page.locator(".field input").focus()
    page.keyboard.press("End")
    number(page, "b₀ parts", "1")
    assert wait_for_address(page, "lesson_radius", "4") == "4"

    page.get_by_role("radio", name="Points").click()
    table = page.get_by_test_id("stDataFrame").locator("canvas").first
    table.wait_for()
    page.wait_for_timeout(600)  # the table measures itself before it takes a click
    box = table.bounding_box()
    page.mouse.dblclick(box["x"] + 90, box["y"] + 50)
    page.locator(".gdg-style input, textarea.gdg-input").first.fill("7.5")
    page.keyboard.press("Enter")
    wait_for_address(page, "lesson_points", r"7\.5_[^&]*")
    settle(page)


def test_a_set_chosen_while_an_edit_is_under_way_wins(open_learn: Any) -> None:
    page = open_learn(f"lesson=2&lesson_points={SQUARE}&lesson_radius=1&lesson_open=1")
    number(page, "points", "5")
    page.locator(".field .dot").first.focus()
    page.keyboard.press("ArrowUp")  # told to the server after a moment
    page.get_by_role("radio", name="Line").click()
    number(page, "points", "10")
    assert page.locator(".field .dot").count() == 10
    assert wait_for_address(page, "lesson_points", "line") == "line"


def test_a_complex_is_built_by_choosing_points(open_learn: Any) -> None:
    from playwright.sync_api import expect

    page = open_learn("lesson=2&lesson_complex=2_2~8_2~5_6-AB&lesson_open=1")
    number(page, "points", "12")
    page.get_by_role("button", name="1 Complexes").click()
    number(page, "pieces", "2")
    expect(page.locator(".field .disk")).to_have_count(0)  # lesson 2's figure is gone
    dots = page.locator(".field .dot")
    for at in (0, 1, 2):
        dots.nth(at).locator(".mark").click()
    page.get_by_role("button", name="Add triangle ABC").click()
    number(page, "faces missing", "2")
    page.locator(".st-key-your-turn").get_by_role("radio", name="AC").click()
    expect(page.locator(".st-key-your-turn .told")).to_contain_text("Yes.")
    for pair in ((0, 2), (1, 2)):
        for dot in page.locator(".field .dot.on .mark").all()[::-1]:
            dot.click()
        for at in pair:
            dots.nth(at).locator(".mark").click()
        page.get_by_role("button", name=re.compile("Add edge")).click()
    number(page, "Euler", "1")
    number(page, "loops", "0")
    assert wait_for_address(page, "lesson_complex", "[^&]*-BC-ABC") == "2_2~8_2~5_6-AB-AC-BC-ABC"
