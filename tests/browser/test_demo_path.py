"""From Home to a downloaded model, on the demo, in a real browser."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import FLAGS, find_browser, missing

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture
def server(cache: Path, needs_demo: None) -> Iterator[str]:
    """Start the dashboard as `obce app` does, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "obce_core.cli", "app", "--port", str(port)],
        cwd=cache.parent,
        env={**os.environ, "OBCE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield chromium
        chromium.close()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not answer in 60 s")


def _watch(page: Any) -> list[str]:
    """Collect errors of the page, but for two probes that streamlit itself makes below a deep link."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "response",
        lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status >= 400 and "/_stcore/" not in answer.url else None,
    )
    return faults


def _settle(page: Any) -> None:
    """Wait until the page's script has ended, so that what is clicked is what stays."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def test_the_demo_goes_from_home_to_a_model_that_loads(server: str, browser: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True).new_page()
    page.set_default_timeout(60_000)
    faults = _watch(page)
    page.goto(server)
    page.get_by_role("button", name="Run the demo").click()

    # Importance: the map is there; a cell of layer 5 is clicked, its title follows.
    cell = page.locator('.cellmap .cell[data-layer="5"][data-component="value"]')
    cell.wait_for(timeout=120_000)
    _settle(page)
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
    _settle(page)
    page.locator('.plangrid .cell[data-name="4.query"]').click()
    page.keyboard.press("5")
    page.keyboard.press("0")
    page.locator('.plangrid .cell[data-name="5.value"]').click()
    page.keyboard.press("3")
    page.keyboard.press("0")
    expect(page.locator('.plangrid .cell[data-name="4.key"]')).to_contain_text("P50")
    expect(page.locator(".facts .value").first).to_contain_text("499")

    # Model: build, read the proof, download.
    _settle(page)
    page.get_by_role("button", name="Build").click()
    expect(page.get_by_role("heading", name="Model")).to_be_visible()
    _settle(page)
    page.get_by_role("button", name="Build").click()
    download_button = page.get_by_role("button", name="Download the model (zip)")
    download_button.wait_for(timeout=120_000)
    with page.expect_download(timeout=120_000) as download:
        download_button.click()
    archive = tmp_path / "model.zip"
    download.value.save_as(archive)
    assert faults == []

    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "unpacked")
    script = (
        "import sys, torch, obce_core\n"
        "model, tokenizer = obce_core.load(sys.argv[1])\n"
        "out = model(**tokenizer('A cut model still reads.', return_tensors='pt')).last_hidden_state\n"
        "print(tuple(out.shape), bool(out.isfinite().all()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "unpacked" / "obce-model")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("384) True\n")


def test_a_reload_finds_the_running_job_again(server: str, browser: Any) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(server)
    page.get_by_role("button", name="Run the demo").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.reload()
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled").first.wait_for(timeout=60_000)
