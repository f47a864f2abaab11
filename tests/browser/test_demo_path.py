"""From Home to a downloaded model, on the demo, in a real browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arena import worker_pid
from obce_core.jobs import list_runs
from tests.browsing import serve, settle, watch


@pytest.fixture
def server(cache: Path, needs_demo: None) -> Iterator[str]:
    with serve(cache) as address:
        yield address


def test_the_demo_goes_from_home_to_a_model_that_loads(server: str, browser: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True).new_page()
    page.set_default_timeout(60_000)
    faults = watch(page)
    page.goto(server)
    page.get_by_role("button", name="Run the demo").click()

    # Importance: the map is there; a cell of layer 5 is clicked, its title follows.
    cell = page.locator('.cellmap .cell[data-layer="5"][data-component="value"]')
    cell.wait_for(timeout=120_000)
    settle(page)
    assert page.locator(".cellmap .cell.equal").count() == 3
    cell.click()
    expect(page.get_by_role("heading", name="Layer 5 · Value")).to_be_visible()
    assert cell.get_attribute("aria-selected") == "true"

    # Neuron: the film plays and ends at r_f.
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Neuron").click()
    expect(page.get_by_role("heading", name=re.compile("Layer 5 · Value · neuron"))).to_be_visible()
    film = page.locator(".film")
    film.locator("canvas").first.wait_for()
    film.get_by_role("button", name=re.compile("last|end", re.I)).first.click()
    r_f = page.locator(".facts .value").first.inner_text().strip()
    expect(film.locator(".readout .radius b")).to_have_text(r_f)
    assert "layer=5" in page.url and "component=value" in page.url and "neuron=" in page.url

    # Plan: three cells are set by the keyboard, the numbers follow at once.
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Plan").click()
    page.locator('.plangrid .cell[data-name="4.query"]').wait_for()
    settle(page)
    page.locator('.plangrid .cell[data-name="4.query"]').click()
    page.keyboard.press("5")
    page.keyboard.press("0")
    page.locator('.plangrid .cell[data-name="5.value"]').click()
    page.keyboard.press("3")
    page.keyboard.press("0")
    expect(page.locator('.plangrid .cell[data-name="4.key"]')).to_contain_text("P50")
    expect(page.locator(".facts .value").first).to_contain_text("499")

    # Model: build, read the proof, download.
    settle(page)
    page.get_by_role("button", name="Build").click()
    expect(page.get_by_role("heading", name="Model")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Build").click()
    download_button = page.get_by_role("button", name="Download the model (zip)")
    download_button.wait_for(timeout=120_000)
    with page.expect_download(timeout=120_000) as download:
        download_button.click()
    archive = tmp_path / "model.zip"
    download.value.save_as(archive)
    assert faults == []
    page.context.close()

    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    script = (
        "import sys, torch, obce_core\n"
        "model, tokenizer = obce_core.load(sys.argv[1])\n"
        "out = model(**tokenizer('A cut model still reads.', return_tensors='pt')).last_hidden_state\n"
        "print(tuple(out.shape), bool(out.isfinite().all()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "unpacked" / "obce-model")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("384) True\n")


def test_a_reload_finds_the_running_job_again(server: str, browser: Any) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(server)
    page.get_by_role("button", name="Run the demo").click()
    page.get_by_role("button", name="Cancel").wait_for()
    (run,) = list_runs()
    worker = worker_pid(run)
    os.kill(worker, signal.SIGSTOP)  # on a busy machine the demo may take no longer than a reload
    try:
        page.reload()
        page.get_by_role("button", name="Cancel").wait_for()
    finally:
        os.kill(worker, signal.SIGCONT)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled").first.wait_for(timeout=60_000)
