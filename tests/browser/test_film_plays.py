"""The film in a real browser: it plays to r_f, listens to keys, and shows texts as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from obce_core.figures.dots import dot_colours
from obce_core.figures.widgets.film.data import film_data, film_html, film_pair
from obce_core.topology import barcode, bottleneck, line_merges

NASTY = "<b>bold</b> <script>document.title = 'run'</script>"
HEBREW = "שלום עולם (1234)"
VALUES = np.concatenate([np.random.default_rng(0).normal(-0.017, 0.003, 38), [-0.004, 0.0137]]).astype(np.float32)
TEXTS = [f"text {i}" for i in range(38)] + [NASTY, HEBREW]
FILM = film_data(VALUES, TEXTS, title="test")


@pytest.fixture
def show(browser, tmp_path: Path) -> Iterator:
    """Open a film in a fresh page; whatever the console complains of fails the test."""
    pages, complaints = [], []

    def open_film(film: dict, **options):
        path = tmp_path / f"film{len(pages)}.html"
        path.write_text(film_html(film, "film"), encoding="utf-8")
        page = browser.new_page(viewport={"width": 1100, "height": 1100}, **options)
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
        )
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
    return f"{rounded:f}" if rounded >= Decimal("1e-5") else f"{value:.2e}"


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
    return int(page.inner_text(".readout .parts b").replace(",", ""))


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
    assert page.locator(".last .jump").all_inner_texts() == [
        shown(2 * value) for value in FILM["merges"]["radius"][:-9:-1]
    ]
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
    assert page.evaluate("document.querySelector('.film').filmView.reels[0].lit") == 33
    assert page.inner_text(".touch h2") == "Merge 34 of 39"


def test_texts_are_shown_as_they_are(show):
    page = show(FILM)
    press(page, "End")
    assert page.locator(".touch .text").all_inner_texts() == [NASTY, HEBREW]
    assert page.locator(".last tbody tr").first.locator("span.cut").all_inner_texts() == [NASTY, HEBREW]
    assert page.locator(".film b").count() == 2  # the two numbers of the control row
    assert page.title() == "film"
    direction = (
        page.locator(".touch .text")
        .nth(1)
        .evaluate("(p) => [getComputedStyle(p).direction, getComputedStyle(p).unicodeBidi]")
    )
    assert direction == ["rtl", "plaintext"]


def test_a_dot_shows_its_text_and_a_click_pins_it(show):
    page = show(FILM)
    press(page, "End")
    page.focus(".line canvas")
    page.keyboard.press("ArrowUp")
    settle(page)
    assert page.locator(".tip:visible p").inner_text() == TEXTS[FILM["order"][0]]
    x = page.evaluate("document.querySelector('.film').filmView.reels[0].xs[39]")
    page.locator(".line canvas").click(position={"x": x, "y": 93})
    page.mouse.move(0, 0)
    settle(page)
    assert page.locator(".tip:visible p").all_inner_texts() == [HEBREW]
    press(page, "Escape")
    assert page.locator(".tip:visible").count() == 0


def test_disks_touch_on_the_canvas_at_the_merge(show):
    page = show(FILM)
    press(page, "End")
    left, right, reach = page.evaluate(
        "((v) => [v.xs[38], v.xs[39], v.r * v.scale])(document.querySelector('.film').filmView.reels[0])"
    )
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
        "((v) => v.take({...JSON.parse(document.getElementById('film-data').textContent)}))"
        "(document.querySelector('.film').filmView)"
    )
    settle(page)
    assert parts(page) == 2
    page.evaluate(
        "((v) => v.take({...JSON.parse(document.getElementById('film-data').textContent), signature: 'other'}))"
        "(document.querySelector('.film').filmView)"
    )
    settle(page)
    assert page.get_attribute(".play", "aria-label") == "Pause"


# Two films on one clock.

OTHER = np.random.default_rng(1).normal(0.002, 0.0012, 40).astype(np.float32)
PAIR = film_pair(
    film_data(VALUES, TEXTS, name="first"),
    film_data(OTHER, TEXTS, name="second"),
    bottleneck(barcode(VALUES), barcode(OTHER)),
)
REELS = (
    "document.querySelector('.film').filmView.reels"
    ".map((v) => ({r: v.r, done: v.done, held: v.held, scale: v.scale, xs: [...v.xs]}))"
)


def wheres(page) -> list[str]:
    return page.locator(".who:visible span").all_inner_texts()


def test_two_films_show_one_radius_and_count_their_own_parts(show):
    page = show(PAIR)
    press(page, "Home")
    steps = sorted({*PAIR["merges"]["radius"], *PAIR["mate"]["merges"]["radius"]})
    for step in steps[:7]:
        press(page, "ArrowRight")
        assert radius(page) == shown(step)
        for reel, values in zip(page.evaluate(REELS), (VALUES, OTHER), strict=True):
            assert reel["r"] == min(step, barcode(values).r_f)
            assert 40 - reel["done"] == barcode(values).parts(step)
    assert page.inner_text(".between").startswith(f"Bottleneck distance of the two diagrams: {shown(PAIR['distance'])}")
    press(page, "e")
    assert shown(2 * PAIR["distance"]) in page.inner_text(".between")


def test_each_film_of_a_pair_stops_at_its_own_r_f(show):
    page = show(PAIR)
    press(page, "4")
    page.wait_for_selector(".play[aria-label='Play again']", timeout=15_000)
    assert radius(page) == shown(max(PAIR["r_f"], PAIR["mate"]["r_f"]))
    assert wheres(page) == [f"one piece since r_f = {shown(film['r_f'])}" for film in (PAIR, PAIR["mate"])]
    assert [reel["r"] for reel in page.evaluate(REELS)] == [PAIR["r_f"], PAIR["mate"]["r_f"]]


@pytest.mark.parametrize(("zooms", "same"), [("", True), ("+++++", True), ("++", False)])
def test_disks_of_both_touch_when_their_diagrams_say_so(show, zooms, same):
    page = show(PAIR)
    page.set_checked(".same input", same)
    press(page, *zooms, "Home")
    films = (PAIR, PAIR["mate"])
    touched = set()
    for _ in range(20):
        press(page, "ArrowRight")
        reels = page.evaluate(REELS)
        if same:
            assert reels[0]["scale"] == reels[1]["scale"]
        for place, (reel, film) in enumerate(zip(reels, films, strict=True)):
            reach = reel["r"] * reel["scale"]
            for merge, gap in enumerate(film["merges"]["gap"]):
                apart = reel["xs"][gap + 1] - reel["xs"][gap]
                if merge == reel["held"]:
                    assert apart == pytest.approx(2 * reach, rel=1e-9)
                    touched.add(place)
                elif merge < reel["done"]:
                    assert apart <= 2 * reach * (1 + 1e-9)
                else:
                    assert apart > 2 * reach
    assert touched == {0, 1}


def origins(page) -> list[float]:
    """Return where zero stands in each film, in pixels."""
    films = (PAIR, PAIR["mate"])
    return [
        reel["xs"][0] - film["values"][0] * reel["scale"]
        for reel, film in zip(page.evaluate(REELS), films, strict=True)
    ]


@pytest.mark.parametrize("zooms", ["", "+++"])
def test_one_scale_has_one_origin_also_when_the_line_is_dragged(show, zooms):
    page = show(PAIR)
    page.set_checked(".same input", True)
    press(page, *zooms, "Home")
    first, second = origins(page)
    assert first == pytest.approx(second, abs=1e-6)
    reels, width = page.evaluate(REELS), page.locator(".line").first.bounding_box()["width"]
    if not zooms:  # the final disks of both are within the figure
        for reel, film in zip(reels, (PAIR, PAIR["mate"]), strict=True):
            reach = film["r_f"] * reel["scale"]
            assert reel["xs"][0] - reach >= 0 and reel["xs"][-1] + reach <= width
        return
    box = page.locator(".line canvas").first.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 20, steps=4)
    page.mouse.up()
    moved = origins(page)
    assert moved[0] == pytest.approx(moved[1], abs=1e-6) and moved[0] < first - 30
    page.set_checked(".same input", False)
    apart = origins(page)
    assert abs(apart[0] - apart[1]) > 1  # each has its own again


def test_a_click_in_the_second_film_moves_both(show):
    page = show(PAIR)
    page.locator(".last").nth(1).locator("tbody tr").nth(2).click()
    settle(page)
    assert radius(page) == shown(PAIR["mate"]["merges"]["radius"][-3])


def test_the_pinned_film_comes_and_goes(show):
    page = show(FILM)
    assert page.locator(".line").count() == 1
    take = "(other) => ((v) => v.take(other))(document.querySelector('.film').filmView)"
    page.evaluate(take, PAIR)
    settle(page)
    assert (page.locator(".line").count(), page.locator(".who:visible").count()) == (2, 2)
    page.evaluate(take, FILM)
    settle(page)
    assert (page.locator(".line").count(), page.locator(".who:visible").count()) == (1, 0)


# Colours, brackets, files.


def test_colours_are_shown_without_a_new_start(show):
    page = show({**FILM, "colour": dot_colours(NASTY, [f"kind {i % 9}" for i in range(40)])})
    press(page, "End", "ArrowLeft")
    assert page.locator(".legend span bdi").all_inner_texts() == [f"kind {i}" for i in (0, 1, 2, 3, 4)] + ["4 others"]
    assert page.inner_text(".legend .of") == NASTY[:60]
    take = "(other) => ((v) => v.take(other))(document.querySelector('.film').filmView)"
    page.evaluate(take, {**FILM, "colour": dot_colours("length", [*range(39), ""])})
    settle(page)
    assert page.locator(".legend span bdi").all_inner_texts() == ["0", "38"]
    assert "no number: 1" in page.inner_text(".legend")
    assert parts(page) == 2
    page.evaluate(take, FILM)
    settle(page)
    assert not page.is_visible(".legend")


def test_brackets_ask_for_the_next_neuron_only_with_a_listener(show):
    page = show(FILM)
    page.evaluate(
        "void (window.asked = []); document.querySelector('.film').filmView.tell = (...what) => "
        "window.asked.push(what); 0"
    )
    page.keyboard.press("]")
    page.keyboard.press("[")
    assert page.evaluate("window.asked") == [["step", 1], ["step", -1]]
    assert "[ and ]" not in page.inner_text(".keys")  # a page of its own has no listener


@pytest.mark.parametrize("film", [FILM, PAIR], ids=["one", "two"])
def test_a_frame_is_saved_as_svg_and_png(show, film, tmp_path):
    page = show({**film, "file": "layer5-value-147"})
    press(page, "End")
    found = {}
    for kind in ("SVG", "PNG"):
        with page.expect_download() as started:
            page.get_by_role("button", name=f"Save this frame as {kind}").click()
        assert started.value.suggested_filename.startswith("layer5-value-147-radius-")
        found[kind] = tmp_path / f"frame.{kind.lower()}"
        started.value.save_as(found[kind])
    picture = ElementTree.parse(found["SVG"]).getroot()
    assert picture.tag.endswith("svg")
    words = " ".join(picture.itertext())
    assert shown(film["r_f"]) in words and "1 of 40 parts" in words
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}path"))) > 20
    header = found["PNG"].read_bytes()[:24]
    assert header[1:4] == b"PNG"
    assert [int.from_bytes(header[at : at + 4], "big") for at in (16, 20)] == [
        2 * int(picture.get(side)) for side in ("width", "height")
    ]


def test_a_large_cloud_says_what_it_draws_and_ends_at_its_r_f(show):
    values = np.random.default_rng(0).standard_t(4, size=20_000)
    page = show(film_data(values, None, noun="token"))
    assert re.match(r"[\d,]+ of 20,000 tokens drawn", page.inner_text(".note"))
    press(page, "Home")
    start = parts(page)
    assert 900 < start < 3000
    press(page, "End", "ArrowLeft")
    assert parts(page) == 2
    press(page, "End")
    assert radius(page) == shown(barcode(values).r_f)
    last = line_merges(values)[1][-1]
    sizes = page.locator(".last tbody tr").first.locator("td").nth(3).inner_text()
    assert sizes == f"{last.left_size:,} + {last.right_size:,}"
