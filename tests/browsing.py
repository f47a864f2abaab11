"""A dashboard of our own in a real browser: start the server, open a page, collect what goes wrong."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.browsers import FLAGS, find_browser

OURS = (sys.executable, "-m", "obce_core.cli", "app", "--port", "PORT")
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serve(cache: Path, command: Sequence[str] = OURS) -> Iterator[str]:
    """Start the dashboard as `obce app` does (or another server), on a free PORT; yields its address."""
    cache.mkdir(parents=True, exist_ok=True)
    port = free_port()
    process = subprocess.Popen(
        [part.replace("PORT", str(port)) for part in command],
        cwd=cache.parent,
        env={**os.environ, "OBCE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium; yields playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        browser.close()


def watch(page: Any) -> list[str]:
    """Collect errors of the page, but for two probes that streamlit itself makes below a deep link."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" and "status of 404" not in line.text else None)
    page.on(
        "response",
        lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status >= 400 and "/_stcore/" not in answer.url else None,
    )
    return faults


def settle(page: Any) -> None:
    """Wait until the page's script has ended, so that what is clicked is what stays."""
    page.locator(IDLE).wait_for()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
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
