"""The film in a real browser: it plays to r_f, listens to keys, and shows texts as they are."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from obce_core.figures.film import film_data, film_html

pytestmark = pytest.mark.browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NASTY = "<b>bold</b> <script>document.title = 'run'</script>"
HEBREW = "שלום עולם (1234)"
VALUES = np.concatenate([np.random.default_rng(0).normal(-0.017, 0.003, 38), [-0.004, 0.0137]]).astype(np.float32)
TEXTS = [f"text {i}" for i in range(38)] + [NASTY, HEBREW]
FILM = film_data(VALUES, TEXTS, title="test")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: none of chromium, chromium-browser, google-chrome is on the path")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def show(browser, tmp_path: Path) -> Iterator:
    """Open a film in a fresh page; whatever the console complains of fails the test."""
    pages, complaints = [], []

    def open_film(film: dict, **options):
        path = tmp_path / f"film{len(pages)}.html"
        path.write_text(film_html(film, "film"), encoding="utf-8")
        page = browser.new_page(viewport={"width": 1100, "height": 1100}, **options)
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector(".readout .radius b:not(:empty)")
        pages.append(page)
        return page

    yield open_film
    for page in pages:
        page.close()
    assert complaints == []


def shown(value: float) -> str:
    """Three significant digits, trailing zeros kept, scientific below 1e-5, as the film writes them."""
    rounded = Decimal(f"{value:.2e}")
    if value == 0:
        return "0"
    return f"{rounded:f}" if rounded >= Decimal("1e-5") else f"{value:.2e}".replace("e-0", "e−")


def settle(page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def press(page, *keys: str) -> None:
    page.focus(".film")
    for key in keys:
        page.keyboard.press(key)
    settle(page)


def radius(page) -> str:
    return page.inner_text(".readout .radius b")


def parts(page) -> int:
    return int(page.inner_text(".readout .parts b"))


def test_it_plays_once_and_ends_at_r_f(show):
    page = show(FILM)
    assert page.get_attribute(".play", "aria-label") == "Pause"
    press(page, "4")
    page.wait_for_selector(".play[aria-label='Play again']", timeout=15_000)
    assert (radius(page), parts(page)) == (shown(FILM["r_f"]), 1)
    assert "r_f" in page.inner_text(".spoken")
    settle(page)
    assert page.get_attribute(".play", "aria-label") == "Play again"


def test_keys_step_by_merge(show):
    page = show(FILM)
    press(page, "Home")
    assert (radius(page), parts(page)) == ("0", 40)
    press(page, "ArrowRight")
    assert (radius(page), parts(page)) == (shown(FILM["merges"]["radius"][0]), 39)
    press(page, "ArrowRight", "ArrowRight", "ArrowLeft")
    assert (radius(page), parts(page)) == (shown(FILM["merges"]["radius"][1]), 38)
    press(page, "End", "ArrowLeft")
    assert (radius(page), parts(page)) == (shown(FILM["merges"]["radius"][-2]), 2)
    assert page.inner_text(".spoken").startswith(f"Radius {radius(page)}, 2 parts.")


def test_space_plays_and_pauses(show):
    page = show(FILM)
    press(page, " ")
    assert page.get_attribute(".play", "aria-label") == "Play"
    press(page, " ")
    assert page.get_attribute(".play", "aria-label") == "Pause"


def test_edge_length_doubles_every_number(show):
    page = show(FILM)
    press(page, "End")
    rows = page.locator(".last .jump").all_inner_texts()
    assert rows == [shown(value) for value in FILM["merges"]["radius"][:-9:-1]]
    press(page, "e")
    assert page.is_checked(".edge input")
    assert radius(page) == shown(2 * FILM["r_f"])
    assert page.inner_text(".readout .radius").startswith("edge length")
    assert page.locator(".last .jump").all_inner_texts() == [shown(2 * value) for value in FILM["merges"]["radius"][:-9:-1]]
    assert page.inner_text(".touch .how").startswith(f"edge length {shown(2 * FILM['r_f'])}")
    page.uncheck(".edge input")
    settle(page)
    assert radius(page) == shown(FILM["r_f"])


def test_a_row_jumps_and_lights_its_merge(show):
    page = show(FILM)
    page.locator(".last tbody tr").nth(3).click()
    settle(page)
    assert (radius(page), parts(page)) == (shown(FILM["merges"]["radius"][-4]), 4)
    assert page.locator(".last tbody tr.now").count() == 1
    page.locator(".last tbody tr").nth(5).hover()
    settle(page)
    assert page.evaluate("document.querySelector('.film').filmView.lit") == 33
    assert page.inner_text(".touch h2") == "Merge 34 of 39"


def test_texts_are_shown_as_they_are(show):
    page = show(FILM)
    press(page, "End")
    assert page.locator(".touch .text").all_inner_texts() == [NASTY, HEBREW]
    assert page.locator(".last tbody tr").first.locator("span.cut").all_inner_texts() == [NASTY, HEBREW]
    assert page.locator(".film b").count() == 2  # the two numbers of the control row
    assert page.title() == "film"
    direction = page.locator(".touch .text").nth(1).evaluate("(p) => [getComputedStyle(p).direction, getComputedStyle(p).unicodeBidi]")
    assert direction == ["rtl", "plaintext"]


def test_a_dot_shows_its_text_and_a_click_pins_it(show):
    page = show(FILM)
    press(page, "End")
    page.focus(".line canvas")
    page.keyboard.press("ArrowUp")
    settle(page)
    assert page.locator(".tip:visible p").inner_text() == TEXTS[FILM["order"][0]]
    x = page.evaluate("document.querySelector('.film').filmView.xs[39]")
    page.locator(".line canvas").click(position={"x": x, "y": 93})
    page.mouse.move(0, 0)
    settle(page)
    assert page.locator(".tip:visible p").all_inner_texts() == [HEBREW]
    press(page, "Escape")
    assert page.locator(".tip:visible").count() == 0


def test_disks_touch_on_the_canvas_at_the_merge(show):
    page = show(FILM)
    press(page, "End")
    left, right, reach = page.evaluate("((v) => [v.xs[38], v.xs[39], v.r * v.scale])(document.querySelector('.film').filmView)")
    assert right - left == pytest.approx(2 * reach)
    assert reach <= 84.01  # the final disks fit


@pytest.mark.parametrize(
    ("values", "note", "left"),
    [([0.3], "one text: no gap, r_f = 0", 1), ([0.25] * 5, "all equal: every gap is 0, r_f = 0", 1)],
    ids=["one text", "all equal"],
)
def test_without_a_gap_it_says_so(show, values, note, left):
    page = show(film_data(np.array(values), [f"text {i}" for i in range(len(values))]))
    press(page, "ArrowRight", "ArrowLeft", " ", "Home", "End")
    assert page.inner_text(".note") == note
    assert (radius(page), parts(page)) == ("0", left)
    assert page.is_disabled(".play")


def test_duplicates_are_one_part_at_radius_zero(show):
    page = show(film_data(np.array([0.0, 1.0, 0.0, 1.0, 4.0]), list("abcde")))
    press(page, "Home")
    assert (radius(page), parts(page)) == ("0", 3)
    press(page, "ArrowRight")
    assert (radius(page), parts(page)) == ("0.500", 2)
    press(page, "ArrowLeft")
    assert (radius(page), parts(page)) == ("0", 3)


def test_ties_are_reached_together(show):
    page = show(film_data(np.array([0.0, 1.0, 2.0, 3.0, 10.0]), list("abcde")))
    press(page, "Home", "ArrowRight")
    assert (radius(page), parts(page)) == ("0.500", 2)


def test_less_motion_starts_at_the_end_and_steps(show):
    page = show(FILM, reduced_motion="reduce")
    settle(page)
    assert (radius(page), parts(page)) == (shown(FILM["r_f"]), 1)
    assert page.is_disabled(".play")
    press(page, "ArrowLeft")
    assert parts(page) == 2


def test_a_dark_page_redraws(show):
    page = show(FILM)
    press(page, "End")
    colors = "((v) => v.colors.red)(document.querySelector('.film').filmView)"
    assert page.evaluate(colors) == "rgb(200, 40, 63)"
    page.emulate_media(color_scheme="dark")
    for _ in range(60):
        settle(page)
        if page.evaluate(colors) != "rgb(200, 40, 63)":
            break
    assert page.evaluate(colors) == "rgb(255, 107, 122)"


def test_many_bars_are_thinned_and_said_so(show):
    values = np.random.default_rng(0).normal(size=1500)
    page = show(film_data(values, [f"text {i}" for i in range(1500)]))
    assert re.fullmatch(r"every \d+th bar drawn", page.inner_text(".barcode .quiet"))
    press(page, "End")
    assert radius(page) == shown(float(np.diff(np.sort(values)).max() / 2))


def test_a_rerun_with_the_same_film_does_not_restart_it(show):
    page = show(FILM)
    press(page, "End", "ArrowLeft")
    # The module's function is not reachable from outside: what it does at a rerun is `take`.
    page.evaluate(
        "((v) => v.take({...JSON.parse(document.getElementById('film-data').textContent)}))(document.querySelector('.film').filmView)"
    )
    settle(page)
    assert parts(page) == 2
    page.evaluate(
        "((v) => v.take({...JSON.parse(document.getElementById('film-data').textContent), signature: 'other'}))"
        "(document.querySelector('.film').filmView)"
    )
    settle(page)
    assert page.get_attribute(".play", "aria-label") == "Pause"
