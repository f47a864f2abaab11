"""Exclude long-lived objects (modules, classes, tables of libraries) from garbage collection.

Streamlit collects the whole heap after each run of a page, while every other thread waits. With about a million
library objects this took longer than the run itself (0.1 to 0.2 s). Frozen objects are still freed when their last
reference goes; only cycles among them are not collected. Their amount is bounded, because freezing happens once per
page of a server.
"""

from __future__ import annotations

import gc

_settled: set[str] = set()


def settle(page: str) -> None:
    """Freeze all objects after the first run of a page, when it has loaded what it needs."""
    if page not in _settled:
        _settled.add(page)
        gc.collect()
        gc.freeze()
