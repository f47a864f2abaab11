"""Importance in a real browser: a cell, its neurons by mouse and keyboard, and a name that is markup."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import sample

from tests.browsing import serve, settle, watch


@pytest.fixture(scope="module")
def served(
    tiny_analysis: Any, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, str]]:
    """Serve two analyses of the tiny model: (address, id, other id)."""
    from obce_core import analyze

    home = tmp_path_factory.mktemp("served")
    other = analyze(tiny_folder, sample(20, heldout=6, seed=5), batch_size=8, out=home / "other")
    for source in (tiny_analysis, other):
        shutil.copytree(source.folder, home / "cache" / "analyses" / source.id)
    (home / "cache" / "analyses" / other.id / "name.json").write_text(
        '{"name": "<b>x</b><script>window.hurt = 1</script>"}'
    )
    with serve(home / "cache") as address:
        yield address, tiny_analysis.id, other.id


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page()
    opened.set_default_timeout(40_000)
    opened.faults = watch(opened)
    yield opened
    opened.context.close()


def test_a_cell_leads_to_its_neurons_and_a_neuron_to_its_page(served: tuple[str, str, str], page: Any) -> None:
    from playwright.sync_api import expect

    address, key, _ = served
    page.goto(f"{address}/importance?analysis={key}&layer=3&component=value")
    page.locator(".cellview svg").first.wait_for()
    settle(page)
    cell = page.locator('.cellmap .cell[data-layer="4"][data-component="key"]')
    cell.click()
    picture = page.locator('.cellview svg[role="img"]')
    expect(picture).to_have_attribute("aria-label", re.compile("in Layer 4, Key, 24 neurons"))
    settle(page)
    page.keyboard.press("ArrowRight")  # the focus stayed in the map
    expect(picture).to_have_attribute("aria-label", re.compile("Layer 4, Value"))
    expect(page.locator('.cellmap .cell[data-layer="4"][data-component="value"]')).to_be_focused()
    assert page.locator('.cellmap .cell[aria-label*="every text gives the same value"]').count() == 3

    settle(page)
    page.get_by_role("radio", name="Rank curve").click()
    expect(page.get_by_role("radio", name="Rank curve")).to_have_attribute("aria-checked", "true")
    page.wait_for_timeout(300)  # the choice travels to the server and back
    settle(page)
    page.locator("svg.dots").focus()
    page.keyboard.press("Home")
    told = page.locator(".told").inner_text()
    assert re.match(r"neuron \d+ · head \d: r_f \(radius\) [0-9.]+, kept", told)
    page.keyboard.press("Enter")
    neuron = told.split()[1]
    expect(page.get_by_role("heading", name=f"Layer 4 · Value · neuron {neuron}")).to_be_visible()
    page.wait_for_url(re.compile(f"neuron={neuron}(&|$)"))
    assert page.faults == []


def test_a_link_opens_the_comparison_and_a_name_stays_text(served: tuple[str, str, str], page: Any) -> None:
    from playwright.sync_api import expect

    address, key, other = served
    page.goto(f"{address}/importance?analysis={key}&layer=3&component=value&compare={other}&criterion=std")
    page.get_by_role("grid", name="B against A").wait_for()
    settle(page)
    expect(page.locator(".cellmap")).to_have_count(3)
    assert page.get_by_text("<b>x</b><script>window.hurt = 1</script>").count() >= 1
    assert page.evaluate("window.hurt") is None
    page.get_by_role("radio", name="Spearman").click()
    signed = page.locator('.cellmap .cell[aria-label*="Spearman"]')
    expect(signed.first).to_be_visible()
    assert f"compare={other}" in page.url and "criterion=std" in page.url
    assert page.faults == []
