"""The Analysis form in a real browser, which keeps field values itself: every way to set the number of texts works."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from obce_core.analysis.catalog import list_saved
from tests.browsing import serve, settle, watch
from tests.tiny import sentences


@pytest.fixture
def page(cache: Path, tiny_folder: Path, browser: Any) -> Iterator[Any]:
    """Open the Analysis page on the tiny model."""
    model = cache.parent / "tiny"
    shutil.copytree(tiny_folder, model)
    with serve(cache) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 1200})
        page.set_default_timeout(60_000)
        faults = watch(page)
        page.goto(f"{address}/analysis")
        field = page.get_by_role("textbox", name="Model")
        field.fill(str(model))
        field.press("Enter")
        page.get_by_text("4 layers, 3 heads of 8").wait_for()
        settle(page)
        yield page
        page.close()
        assert faults == []


def pick(page: Any, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    settle(page)


def expect_texts(page: Any, many: int, available: int) -> None:
    """Check the control ("any"), the number field and the preview; a quarter of the user's own texts is held out."""
    from playwright.sync_api import expect

    measured = many - many // 4 if many == available else many
    expect(page.get_by_role("radio", name="any", exact=True)).to_be_checked()
    expect(page.get_by_role("spinbutton", name="N", exact=True)).to_have_value(str(many))
    expect(page.locator(".facts", has_text=f"of {available} different texts").locator(".value").first).to_have_text(
        f"{measured} "
    )
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def use_all(page: Any, many: int) -> None:
    page.get_by_role("button", name=f"Use all {many}").click()
    settle(page)


def upload(page: Any, name: str, count: int) -> None:
    text = "\n".join(sentences(count, seed=count))
    page.locator('input[type="file"]').set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
    )
    page.get_by_text(f"{name}").first.wait_for()
    settle(page)


def test_all_pasted_texts_are_taken_started_and_measured(page: Any, cache: Path) -> None:
    pick(page, "Paste")
    field = page.get_by_role("textbox", name="Texts, one per line")
    field.fill("able cake\nacid cake\nbaby cake")
    field.press("Control+Enter")
    use_all(page, 3)
    expect_texts(page, 3, 3)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="Importance").wait_for(timeout=120_000)
    assert [entry.meta["texts"]["n"] for entry in list_saved()] == [3]


def test_a_file_its_successor_a_number_and_a_paste_can_each_be_started(page: Any, cache: Path) -> None:
    pick(page, "Your file")
    upload(page, "first.txt", 5)
    use_all(page, 5)
    expect_texts(page, 5, 5)
    upload(page, "longer.txt", 9)
    expect_texts(page, 5, 9)
    field = page.get_by_role("spinbutton", name="N", exact=True)
    field.fill("7")
    field.press("Enter")
    settle(page)
    expect_texts(page, 7, 9)
    upload(page, "shorter.txt", 4)
    use_all(page, 4)
    expect_texts(page, 4, 4)
    pick(page, "150")
    use_all(page, 4)
    expect_texts(page, 4, 4)
    pick(page, "Paste")
    field = page.get_by_role("textbox", name="Texts, one per line")
    field.fill("able cake\nacid cake")
    field.press("Control+Enter")
    use_all(page, 2)
    expect_texts(page, 2, 2)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("heading", name="Importance").wait_for(timeout=120_000)
    (run,) = (cache / "runs").glob("*/spec.json")
    assert json.loads(run.read_text())["options"]["n_texts"] == 2
