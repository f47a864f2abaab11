"""The server's background worker, for short calls that need a model or slow imports."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from obce_core.background import Answer, BackgroundWorker


@st.cache_resource(show_spinner=False, on_release=lambda worker: worker.close())
def _worker() -> BackgroundWorker:
    worker = BackgroundWorker()
    # Ctrl-C ends the server without releasing its caches; a busy worker would continue for seconds.
    atexit.register(worker.close)
    return worker


def ask(task: str, arguments: Mapping[str, Any], *, priority: int = 1) -> Answer:
    """Return the answer if it is known; while its state is `waiting`, ask again in a fragment that reruns."""
    return _worker().ask(task, arguments, priority=priority)


def waiter() -> Callable[[str, Mapping[str, Any]], Answer]:
    """Return a function that asks and waits, for threads other than the page's, such as a download."""
    return _worker().wait
