"""The Neuron page in Chromium: a link plays two films, brackets walk by rank, switches agree, texts are plain."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import sample

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from obce_core.texts import Texts
from tests.browsing import serve

EVIL = "<b>bold</b> <script>window.__pwn = 1</script> <img src=http://example.org/x.png onerror=window.__pwn=1>"
LONG = "wide " * 2000
HEBREW = "שלום עולם (1234)"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("neuron-browser")


@pytest.fixture(scope="module")
def found(home: Path, tiny_folder: Path) -> Analysis:
    words = sample(20, heldout=0).texts
    texts = Texts(
        texts=(EVIL, LONG, HEBREW, *words),
        columns={"<b>topic</b>": tuple(f"{EVIL} {i % 3}" for i in range(23))},
        source="test",
        available=23,
    )
    made = analyze(tiny_folder, texts, out=home / "made")
    (home / "cache" / "analyses").mkdir(parents=True)
    shutil.copytree(home / "made", home / "cache" / "analyses" / made.id)
    return made


@pytest.fixture(scope="module")
def server(home: Path, found: Analysis) -> Iterator[str]:
    with serve(home / "cache") as address:
        yield address


@pytest.fixture
def page(browser: Any, server: str, found: Analysis) -> Iterator[Any]:
    """Open a fresh visitor; whatever fails in the browser, and any request to elsewhere, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    opened, faults = context.new_page(), []
    opened.set_default_timeout(30_000)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "request",
        lambda request: None if request.url.startswith((server, "data:", "blob:")) else faults.append(request.url),
    )
    yield opened
    assert opened.evaluate("window.__pwn") is None
    context.close()
    assert faults == []


def address(server: str, found: Analysis, **more: str) -> str:
    query = {"analysis": found.id, "layer": "3", "component": "value", "neuron": "7"} | more
    return f"{server}/neuron?" + "&".join(f"{name}={value}" for name, value in query.items())


def settle(page: Any) -> None:
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def test_a_link_plays_two_films_that_end_at_their_r_f(page: Any, server: str, found: Analysis) -> None:
    from playwright.sync_api import expect

    page.goto(address(server, found, pinned="2.key.3", colour="words", edge_length="1"))
    film = page.locator(".film")
    film.get_by_role("button", name="Pause").wait_for()
    settle(page)
    film.get_by_role("button", name="To the end").click()
    ends = film.evaluate("(root) => root.filmView.reels.map((reel) => [reel.r, reel.parts])")
    assert ends == [
        [pytest.approx(found.scores(layer, name)[n]), 1] for layer, name, n in ((3, "value", 7), (2, "key", 3))
    ]
    expect(film.locator(".between")).to_contain_text("Bottleneck distance")
    expect(film.locator(".legend .of")).to_have_text("Length in words")
    with page.expect_download() as started:
        page.get_by_role("button", name="Merges (CSV)").click()
    lines = Path(started.value.path()).read_text("utf-8").splitlines()
    assert lines[0] == "neuron,radius,left_size,right_size,left_text,right_text"
    assert sum(line.startswith("Layer ") for line in lines) == 2 * 22


def test_brackets_walk_by_rank_and_the_address_follows(page: Any, server: str, found: Analysis) -> None:
    page.goto(address(server, found))
    page.locator(".film .play").wait_for()
    settle(page)
    order = np.argsort(-found.scores(3, "value"), kind="stable").tolist()
    for key, by in (("]", 1), ("]", 2), ("[", 1)):
        page.keyboard.press(key)
        wanted = order[(order.index(7) + by) % len(order)]
        page.get_by_role("heading", name=f"Layer 3 · Value · neuron {wanted}", exact=True).wait_for()
        page.wait_for_url(re.compile(f"neuron={wanted}(&|$)"))
        settle(page)


def test_edge_lengths_are_one_switch(page: Any, server: str, found: Analysis) -> None:
    from playwright.sync_api import expect

    page.goto(address(server, found))
    film = page.locator(".film")
    film.locator(".play").wait_for()
    settle(page)
    film.get_by_role("checkbox", name="edge length").check()
    expect(page.get_by_role("switch", name="Edge length")).to_be_checked(timeout=20_000)
    expect(page.locator(".facts .name").first).to_have_text("edge length, 2 r_f", timeout=20_000)
    settle(page)
    page.locator('[data-testid="stSidebar"] label').filter(has_text="Edge length").click()
    expect(film.get_by_role("checkbox", name="edge length")).not_to_be_checked(timeout=20_000)
    expect(page.locator(".facts .name").first).to_have_text("r_f", timeout=20_000)


def test_foreign_texts_are_only_text(page: Any, server: str, found: Analysis) -> None:
    page.goto(address(server, found, colour="column.%3Cb%3Etopic%3C/b%3E"))
    film = page.locator(".film")
    film.locator(".play").wait_for()
    settle(page)
    assert film.locator(".legend .of").inner_text() == "<b>topic</b>"
    page.locator('[class*="st-key-side-"] [data-testid="stText"]').first.wait_for()
    for name in ("This neuron", "Its head"):
        page.get_by_role("radio", name=name).click()
        settle(page)
        assert (
            page.locator(
                '[data-testid="stText"] :is(b, img, script, a), .film img, .js-plotly-plot image, .js-plotly-plot a'
            ).count()
            == 0
        )
    page.locator(".js-plotly-plot").first.wait_for()
