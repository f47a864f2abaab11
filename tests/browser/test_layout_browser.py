"""Layout at common window widths: no text is cut off or outside the page, and no control covers a figure."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made import make_board
from tiny import sample

from obce_core.analysis.analysis import Analysis
from obce_core.analysis.analyze import analyze
from tests.browsing import serve, settle

CHECK = (Path(__file__).parent / "layout.js").read_text("utf-8")
RUN = "layout-run-0001"
PAGES = [
    "/?",
    "/analysis?",
    "/analysis?new.source=paste",
    "/importance?",
    "/importance?figure=lines",
    "/importance?aggregate=share+under",
    "/neuron?neuron=7",
    "/neuron?neuron=7&pinned=3.value.5",
    "/neuron?neuron=7&view=component",
    "/plan?",
    "/model?",
    "/launch?",
    "/runs?",
    f"/runs?run={RUN}",
    "/results?",
    *(f"/learn?neuron=7&lesson={number}" for number in range(1, 6)),
]
SIZES = [(390, 844), (853, 533), (1024, 768), (1280, 800)]
"""A phone, 1280 pixels at a zoom of 150 %, a tablet, a small laptop."""

DARK_TOO = (390, 1024)
"""The widths that are checked in dark mode as well."""

COVER = """() => {
  const box = document.querySelector('[data-testid="stPlotlyChart"]').getBoundingClientRect();
  document.querySelector('.st-key-versions button').style.cssText =
    `position: fixed; left: ${box.left + 9}px; top: ${box.top + 9}px`;
}"""
FOLLOW = """
window.places = [];
const look = () => {
  const below = [...document.querySelectorAll('.note')].find((e) => e.textContent.startsWith('Scores in %'));
  const main = document.querySelector('[data-testid="stMain"]');
  const at = below ? Math.round(below.getBoundingClientRect().top + main.scrollTop) : undefined;
  if (at !== undefined && window.places.at(-1) !== at) window.places.push(at);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Analysis:
    home = tmp_path_factory.mktemp("layout-browser")
    made = analyze(tiny_folder, sample(20), out=home / "made")
    (home / "cache" / "analyses").mkdir(parents=True)
    shutil.copytree(home / "made", home / "cache" / "analyses" / made.id)
    make_board(home / "cache" / "evaluations")
    return made


@pytest.fixture(scope="module")
def server(measured: Analysis) -> Iterator[str]:
    from obce_core.jobs import Status, create_run

    assert measured.folder is not None
    cache = measured.folder.parent / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBCE_CACHE", str(cache))
        run, _ = create_run("analyze", {"model": "demo", "texts": "demo", "n_texts": 150}, RUN, launcher="local")
        run.write_status(
            Status(state="failed", reason="The model is away. " * 12, started=time.time() - 60, ended=time.time())
        )
    (run.folder / "log.txt").write_text("a line of the log\n" * 30)
    with serve(cache) as address:
        yield address


def opened(browser: Any, size: tuple[int, int], scheme: str) -> Any:
    width, height = size
    page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.set_default_timeout(60_000)
    return page


def show(page: Any, server: str, analysis: Analysis, path: str) -> None:
    page.goto(f"{server}{path}&analysis={analysis.id}&layer=3&component=value")
    page.wait_for_function("window.obceHistory !== undefined")  # the last part of the page is there
    settle(page)
    page.evaluate("document.fonts.ready")


def faults_of(page: Any) -> list[str]:
    """Return the check's report once the page has settled: a widget's script may draw after the page's script ends."""
    until = time.monotonic() + 10
    while (faults := page.evaluate(CHECK)) and time.monotonic() < until:
        page.wait_for_timeout(100)
    return list(faults)


@pytest.mark.parametrize("half", [0, 1])
def test_nothing_is_cut_and_nothing_covers_a_figure(browser: Any, server: str, measured: Analysis, half: int) -> None:
    """Load each page once on a phone, then widen the window as a person would, and switch between light and dark."""
    page, faults = opened(browser, SIZES[0], "light"), {}
    for path in PAGES[half::2]:
        page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
        show(page, server, measured, path)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark") if width in DARK_TOO else ("light",):
                page.emulate_media(color_scheme=scheme)
                settle(page)
                if found := faults_of(page):
                    faults[f"{path} at {width}, {scheme}"] = found
            page.emulate_media(color_scheme="light")
    page.context.close()
    assert faults == {}


@pytest.mark.parametrize("path", ["/importance?", "/plan?", "/results?"])
def test_a_page_that_is_opened_on_a_laptop_fits(browser: Any, server: str, measured: Analysis, path: str) -> None:
    page = opened(browser, SIZES[-1], "light")
    show(page, server, measured, path)
    assert faults_of(page) == []
    page.context.close()


def test_the_check_finds_what_it_is_for(browser: Any, server: str, measured: Analysis) -> None:
    page = opened(browser, (1280, 800), "light")
    show(page, server, measured, "/plan?")
    for style, fault in (
        (".facts .value { overflow: hidden; width: 12px; white-space: nowrap; overflow-wrap: normal; }", "cut: "),
        (".st-key-plan-head { width: 3000px !important; max-width: none !important; }", "outside of the page"),
    ):
        tag = page.add_style_tag(content=style)
        assert any(fault in line for line in page.evaluate(CHECK))
        tag.evaluate("tag => tag.remove()")
    page.locator('[data-testid="stPlotlyChart"]').first.wait_for()
    page.locator(".st-key-versions button").first.wait_for()
    page.evaluate(COVER)
    assert any(line.startswith("over a figure") for line in page.evaluate(CHECK))
    page.context.close()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_results_holds_still_when_its_table_arrives(
    browser: Any, server: str, measured: Analysis, size: tuple[int, int]
) -> None:
    """Follow what stands below the table from its first moment to its last."""
    page = opened(browser, size, "light")
    page.add_init_script(FOLLOW)
    show(page, server, measured, "/results?")
    page.locator(".leaderboard tr").first.wait_for()
    page.wait_for_timeout(500)
    places = page.evaluate("window.places")
    room = page.evaluate("document.querySelector('.st-key-board-room').getBoundingClientRect().height")
    page.context.close()
    assert room > 600 and max(places) - min(places) < 250, places
