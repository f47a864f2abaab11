"""Say which browser the tests will use: `python -m tests.browsers`. With OBCE_REQUIRE_BROWSER=1 a missing one is a
failure."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def missing() -> str:
    """Say what the browser tests lack, or return an empty text."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed (pip install 'obce[dev]')"
    if find_browser() is None:
        return "no Chromium or Chrome was found (on Debian: apt-get install chromium)"
    return ""


if __name__ == "__main__":
    lack = missing()
    if lack and os.environ.get("OBCE_REQUIRE_BROWSER") == "1":
        sys.exit(f"The browser tests (tests/browser) cannot run: {lack}")
    print(f"tests/browser is skipped: {lack}" if lack else f"tests/browser uses {find_browser()}")
