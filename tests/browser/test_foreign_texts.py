"""Untrusted texts on every page: shown as plain text, never run, never fetched; two tabs, links, dark mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import serve, settle, watch

EVIL = (
    "<b>fat</b> cake",
    "<script>window.__pwn = 1</script> acid",
    "<a href=javascript:window.__pwn=2>link</a> baby",
    "![x](http://example.org/x.png) ink",
    "<img src=http://example.org/y.png onerror='window.__pwn=3'> dark",
    "%{x} <span style='font-size:200px'>large</span> jade",
    "שלום עולם, טקסט מימין לשמאל",
    "able " * 2000,
    "=HYPERLINK('http://example.org') fog",
    "plain words at the end",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Make a cache with two analyses of a random model: one of the evil texts, one of plain ones."""
    from tiny import sample, save_tiny

    from obce_core.analysis.analyze import analyze
    from obce_core.texts import Texts

    home = tmp_path_factory.mktemp("foreign")
    model = save_tiny(home / "model")
    cache = home / "cache"
    ids = [
        analyze(model, texts, batch_size=4, out=home / f"analysis-{at}")
        for at, texts in enumerate(
            (Texts(texts=EVIL, source="<i>evil</i>.txt", available=len(EVIL)), sample(20, heldout=6))
        )
    ]
    (cache / "analyses").mkdir(parents=True)
    for analysis in ids:
        analysis.folder.rename(cache / "analyses" / analysis.id)
    return cache, ids[0].id, ids[1].id


@pytest.fixture(scope="module")
def server(made: tuple[Path, str, str]) -> Iterator[str]:
    with serve(made[0]) as address:
        yield address


@pytest.mark.parametrize("path", ["", "analysis", "importance", "neuron", "plan", "learn"])
def test_foreign_text_is_shown_and_never_run(server: str, browser: Any, made: tuple[Path, str, str], path: str) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 1400}).new_page()
    page.set_default_timeout(30_000)
    faults, asked = watch(page), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server}/{path}?analysis={made[1]}&layer=3&component=value&lesson=4")
    settle(page)
    page.wait_for_timeout(1500)
    assert [url for url in asked if not url.startswith((server, server.replace("http", "ws"), "data:", "blob:"))] == []
    assert page.evaluate("() => window.__pwn") is None
    found = page.evaluate(
        """() => {
          const told = { images: [], links: [], large: 0 };
          const walk = (root) => root.querySelectorAll("*").forEach((node) => {
            if (node.tagName === "IMG" && node.src.includes("example")) told.images.push(node.src);
            const target = node.getAttribute("href") ?? "";
            if (target.includes("javascript:") || target.includes("example")) told.links.push(target);
            if (parseFloat(getComputedStyle(node).fontSize) > 100) told.large++;
            if (node.shadowRoot) walk(node.shadowRoot);
          });
          walk(document);
          return told;
        }"""
    )
    assert found == {"images": [], "links": [], "large": 0}
    assert faults == []
    page.context.close()


def test_the_film_tells_foreign_texts_letter_by_letter(server: str, browser: Any, made: tuple[Path, str, str]) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 1400}).new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{server}/neuron?analysis={made[1]}&layer=3&component=value&neuron=3")
    film = page.locator(".film").first
    film.locator("canvas").first.wait_for()
    told = film.inner_text()
    assert any(text[:20] in told for text in EVIL[:6])
    page.context.close()


def test_two_tabs_keep_their_own_selection_and_a_link_restores_it(
    server: str, browser: Any, made: tuple[Path, str, str]
) -> None:
    from playwright.sync_api import expect

    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    first, second = context.new_page(), context.new_page()
    for page, layer, component in ((first, 2, "value"), (second, 4, "intermediate")):
        page.set_default_timeout(30_000)
        page.goto(f"{server}/importance?analysis={made[2]}&layer={layer}&component={component}")
        settle(page)
    expect(first.get_by_role("heading", name="Layer 2 · Value")).to_be_visible()
    second.locator('.cellmap .cell[data-layer="3"][data-component="query"]').click()
    expect(second.get_by_role("heading", name="Layer 3 · Query")).to_be_visible()
    first.get_by_test_id("stSidebarNavLink").filter(has_text="Neuron").click()
    expect(first.get_by_role("heading", name="Layer 2 · Value · neuron")).to_be_visible()
    settle(first)
    link = first.url
    assert "layer=2" in link and "component=value" in link and "neuron=" in link
    title = first.get_by_role("heading", name="Layer 2 · Value · neuron").inner_text()
    first.reload()
    expect(first.get_by_role("heading", name=title)).to_be_visible()
    third = browser.new_context().new_page()
    third.goto(link)
    expect(third.get_by_role("heading", name=title)).to_be_visible()
    third.context.close()
    context.close()


CONTRAST = """
(selectors) => {
  const rgb = (text) => {
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    pen.fillStyle = text; pen.fillRect(0, 0, 1, 1);
    return pen.getImageData(0, 0, 1, 1).data;
  };
  const light = (color) => {
    const [r, g, b] = [...rgb(color)].slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgb(color)[3] > 250) return color;
    }
    return "#ffffff";
  };
  return selectors.flatMap((selector) => [...document.querySelectorAll(selector)].slice(0, 3).map((node) => {
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
    return [selector, (a + 0.05) / (b + 0.05)];
  }));
}
"""


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_can_be_read_in_both_modes(server: str, browser: Any, made: tuple[Path, str, str], mode: str) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme=mode).new_page()
    page.set_default_timeout(30_000)
    seen = set()
    for path in ("", "importance", "plan", "model"):
        page.goto(f"{server}/{path}?analysis={made[2]}&layer=3&component=value")
        settle(page)
        page.locator(".note").first.wait_for()
        if path == "plan":
            page.locator(".facts").first.wait_for()
        selectors = ["h1", "h3", ".lead", ".note", ".facts .name", ".facts .value", ".facts .more", ".pick .name"]
        selectors.append("[data-testid=stSidebarNavLink] span")
        for selector, ratio in page.evaluate(CONTRAST, selectors):
            seen.add(selector)
            assert ratio >= 4.5, (path, selector, ratio)
    assert len(seen) >= 7
    page.context.close()


def test_figures_follow_the_system_into_the_dark(server: str, browser: Any, made: tuple[Path, str, str]) -> None:
    from obce_core.figures.theme import DARK, LIGHT

    page = browser.new_context(viewport={"width": 1280, "height": 1000}, color_scheme="light").new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{server}/plan?analysis={made[2]}")
    settle(page)
    ink = "() => document.querySelector('.js-plotly-plot .ytick text')?.style.fill"

    def is_drawn_in(colour: str) -> str:
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        return f"{ink} === 'rgb({red}, {green}, {blue})'"

    page.wait_for_function(is_drawn_in(LIGHT.muted))
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(is_drawn_in(DARK.muted), timeout=15_000)
    page.context.close()


def test_a_figure_is_saved_as_a_picture(server: str, browser: Any, made: tuple[Path, str, str], tmp_path: Path) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 1400}, accept_downloads=True).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server}/plan?analysis={made[2]}")
    settle(page)
    for name, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("HTML", b"<!doctype html>"), ("CSV", b"")):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).first.click()
        path = tmp_path / name
        download.value.save_as(path)
        assert path.read_bytes().startswith(start) and path.stat().st_size > 50, name
    page.context.close()
