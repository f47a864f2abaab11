"""A dashboard of our own in a real browser: start the server, open a page, collect what goes wrong."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.browsers import FLAGS, find_browser

OURS = (sys.executable, "-m", "obce_core.cli", "app", "--port", "PORT", "--no-token")
"""Tests of the token itself start the dashboard with one (see tests/browser/test_door_browser.py)."""
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(
    command: Sequence[str], cache: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    """Start a server on a free PORT; yields the port, the process and the file with what it printed, once it
    answers."""
    cache.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = cache.parent / f"server-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [part.replace("PORT", str(port)) for part in command],
            cwd=cache.parent,
            env={**os.environ, "OBCE_CACHE": str(cache), **(environment or {})},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield port, process, log
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def serve(cache: Path, command: Sequence[str] = OURS) -> Iterator[str]:
    """Start the dashboard as `obce app` does (or another server), on a free PORT; yields its address."""
    with started(command, cache) as (port, _, _):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium; yields playwright's browser.

    An expectation waits up to 60 s for its state: the default of 5 s measures how busy the machine is.
    """
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        browser.close()


def watch(page: Any) -> list[str]:
    """Collect errors of the page, but for two probes that streamlit itself makes below a deep link."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda line: faults.append(line.text) if line.type == "error" and "status of 404" not in line.text else None,
    )
    page.on(
        "response",
        lambda answer: (
            faults.append(f"{answer.status} {answer.url}")
            if answer.status >= 400 and "/_stcore/" not in answer.url
            else None
        ),
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
