"""The Plan page in a real browser: edits in the grid update the numbers and cosines, and dialogs stay open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import serve, settle, watch


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plan-page")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Serve the analysis of a random model; yields the address of its plan."""
    from tiny import sample, save_tiny

    from obce_core.analysis.analyze import analyze

    analysis = analyze(save_tiny(home / "model"), sample(20, heldout=6), batch_size=8, out=home / "analysis")
    (home / "cache" / "analyses").mkdir(parents=True)
    assert analysis.folder is not None
    analysis.folder.rename(home / "cache" / "analyses" / analysis.id)
    with serve(home / "cache") as served:
        yield f"{served}/plan?analysis={analysis.id}"


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    found = browser.new_context(viewport={"width": 1280, "height": 1300}).new_page()
    found.set_default_timeout(60_000)
    faults = watch(found)
    found.goto(address)
    found.locator(".plangrid .cell").first.wait_for()
    settle(found)
    yield found
    assert faults == []
    found.context.close()


def cell(page: Any, name: str) -> Any:
    return page.locator(f'.plangrid .cell[data-name="{name}"]')


def reset(page: Any) -> None:
    page.locator(".plangrid .all").click()
    page.locator(".plangrid .marks button").first.click()
    settle(page)


def test_the_grid_is_filled_by_mouse_keys_and_numbers(page: Any) -> None:
    from playwright.sync_api import expect

    reset(page)
    grid = page.locator(".plangrid")
    first = page.locator(".facts .value").first
    expect(first).to_have_text("0")
    grid.locator(".row", has_text="3").click()
    expect(grid.locator(".count")).to_have_text("4 cells")
    grid.get_by_role("button", name="P50", exact=True).click()
    expect(first).to_have_text("56")
    grid.locator(".head", has_text="Value").click()
    expect(grid.locator(".value")).to_have_text("mixed")
    number = grid.get_by_label("Type a percentile")
    number.fill("12.5")
    number.press("Enter")
    expect(cell(page, "4.value")).to_contain_text("P12.5")
    expect(cell(page, "4.key")).not_to_contain_text("P")
    number.fill("120")
    number.press("Enter")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(cell(page, "4.value")).to_contain_text("P12.5")

    cell(page, "4.query").click()  # linked: the key follows
    page.keyboard.type("30")
    expect(cell(page, "4.key")).to_contain_text("P30")
    page.keyboard.press("+")
    expect(cell(page, "4.query")).to_contain_text("P35")
    page.keyboard.press("Delete")
    expect(cell(page, "4.key")).to_contain_text("–")
    grid.get_by_role("button", name="P70", exact=True).click()  # the bar gives the keys back to the cell
    expect(cell(page, "4.query")).to_be_focused()
    page.keyboard.press("-")
    expect(cell(page, "4.query")).to_contain_text("P65")
    grid.get_by_role("slider").click()
    page.keyboard.type("9")
    expect(cell(page, "4.key")).to_contain_text("P9")
    number.fill("20")
    expect(number).to_be_focused()
    number.press("Enter")
    page.keyboard.press("+")
    expect(cell(page, "4.query")).to_contain_text("P25")
    grid.get_by_role("button", name="P30", exact=True).press("Enter")  # who came by Tab stays
    expect(grid.get_by_role("button", name="P30", exact=True)).to_be_focused()
    grid.locator(".row", has_text="3").click()
    page.keyboard.press("ArrowDown")
    expect(cell(page, "4.query")).to_have_attribute("aria-selected", "true")
    expect(grid.locator(".count")).to_have_text("1 cell")
    page.keyboard.press("Delete")
    cell(page, "2.intermediate").click()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")  # layer 1 value, key and query are all equal: there is nowhere to go
    expect(cell(page, "1.intermediate")).to_have_attribute("aria-selected", "true")
    assert grid.locator(".cell.equal").count() == 3 and grid.locator(".locked").count() == 8
    expect(grid.locator(".lock").first).to_have_attribute("aria-label", re.compile("Attention output is locked"))


def test_undo_brings_the_grid_back(page: Any) -> None:
    from playwright.sync_api import expect

    reset(page)
    cell(page, "3.value").click()
    before = page.locator(".facts .value").first.text_content()
    page.keyboard.type("5")
    expect(page.locator(".facts .value").first).not_to_have_text(before)  # the first edit is in before the second comes
    settle(page)
    page.keyboard.type("+")
    expect(cell(page, "3.value")).to_contain_text("P10")
    settle(page)
    page.locator(".st-key-undo button:visible").first.click()
    expect(cell(page, "3.value")).to_contain_text("P5")
    page.locator(".st-key-undo button:visible").first.click()
    expect(cell(page, "3.value")).to_contain_text("–")


def test_closeness_arrives_by_itself_and_a_next_cut_is_one_click(page: Any) -> None:
    from playwright.sync_api import expect

    reset(page)
    cell(page, "3.value").click()
    page.keyboard.type("50")
    page.get_by_role("button", name="Options").click()
    expect(page.get_by_text("Round stored widths up")).to_be_visible()
    expect(page.locator(".facts .value").nth(6)).to_have_text(re.compile(r"^[01]\.\d{3} *$"), timeout=60_000)
    expect(cell(page, "3.value").locator(".cosine")).to_have_text(re.compile(r"^(\.\d{3}|1\.000)$"))
    expect(page.locator(".nextcuts .open")).to_have_count(0, timeout=60_000)
    expect(page.get_by_text("Round stored widths up")).to_be_visible()  # answers that came did not close it
    page.keyboard.press("Escape")
    assert "alone is cut" in (cell(page, "3.value").get_attribute("aria-label") or "")
    first = page.locator(".nextcuts tbody tr").first
    step = (first.locator("td").nth(2).text_content() or "").split(" → ")[1]
    label = first.get_by_role("button").get_attribute("aria-label") or ""
    first.get_by_role("button").click()
    layer = re.search(r"layer (\d+), (\w+)", label)
    assert layer is not None
    expect(cell(page, f"{layer[1]}.{layer[2].lower()}")).to_contain_text(step)
    cell(page, "3.value").click()
    page.keyboard.type("7")
    assert "old" in (
        cell(page, "3.value").locator(".cosine").get_attribute("class") or ""
    )  # faint until it is measured again


def _download(page: Any, name: str) -> Any:
    """Click a download; a click that an arriving answer overtook is made again, as a person would."""
    from playwright.sync_api import TimeoutError as Late

    for left in (2, 1, 0):
        settle(page)
        try:
            with page.expect_download(timeout=20_000) as download:
                page.get_by_role("button", name=name).click()
            return download.value
        except Late:
            if not left:
                raise
    return None


def test_the_versions_stay_open_while_answers_arrive(page: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    reset(page)
    cell(page, "2.intermediate").click()
    page.keyboard.type("37")
    settle(page)
    page.get_by_role("button", name="Versions").click()
    page.get_by_label("Save the draft as").fill("<b>first</b>")
    page.wait_for_timeout(2500)
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Compare")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").first.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    found = _download(page, "intent.json")
    found.save_as(tmp_path / "intent.json")
    assert '"intermediate": 37' in (tmp_path / "intent.json").read_text()


def test_a_whole_cell_with_a_neuron_kept_by_hand_has_its_star(
    page: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import expect

    from obce_core.plan import PruneSpec
    from obce_core.plan.spec import set_override
    from obce_core.plan.storage import read_draft, write_draft

    monkeypatch.setenv("OBCE_CACHE", str(home / "cache"))
    key = next((home / "cache" / "analyses").iterdir()).name
    assert (
        write_draft(key, set_override(PruneSpec(), "keep", 3, "value", 1, ""), seen=read_draft(key).stamp) is not None
    )
    page.reload()
    expect(cell(page, "3.value").locator(".label")).to_have_text("–*")
    expect(cell(page, "4.value").locator(".label")).to_have_text("–")
    settle(page)
