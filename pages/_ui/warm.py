"""The server's one warm worker: short calls that need a model or slow imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from obce_core.warm import Answer, WarmWorker


@st.cache_resource(show_spinner=False, on_release=lambda worker: worker.close())
def _worker() -> WarmWorker:
    return WarmWorker()


def ask(task: str, arguments: Mapping[str, Any], *, priority: int = 1) -> Answer:
    """Return the answer if it is known; else it is `waiting`: ask again in a fragment that reruns."""
    return _worker().ask(task, arguments, priority=priority)


def waiter() -> Callable[[str, Mapping[str, Any]], Answer]:
    """Return a function that asks and waits, for threads other than a page's (a download that was clicked)."""
    return _worker().wait
