"""Exclude long-lived objects (modules, classes, tables of libraries) from garbage collection.

Streamlit collects all of the heap after each run of a page, while every other thread waits. Of some million objects of
libraries that never end this took longer than the run itself (0.1 to 0.2 s). Frozen objects are still freed when nobody
refers to them; only cycles among what was there at that moment are not looked for, a bounded amount, since it happens
once for each page of a server.
"""

from __future__ import annotations

import gc

_settled: set[str] = set()


def settle(page: str) -> None:
    """Freeze what is there, the first time that a page of this server has run: by then it has loaded what it needs."""
    if page not in _settled:
        _settled.add(page)
        gc.collect()
        gc.freeze()
