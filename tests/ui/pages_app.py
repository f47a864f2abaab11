"""Open pages of the dashboard without a browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "home": "pages/home/page.py",
    "analysis": "pages/analysis/page.py",
    "importance": "pages/importance/page.py",
    "neuron": "pages/neuron/page.py",
    "plan": "pages/plan/page.py",
    "model": "pages/model/page.py",
    "launch": "pages/launch/page.py",
    "runs": "pages/runs/page.py",
    "results": "pages/results/page.py",
    "learn": "pages/learn/page.py",
}


def open_page(name: str, **address: str) -> AppTest:
    """Run the app, then one of its pages."""
    import streamlit as st

    st.cache_data.clear()
    st.cache_resource.clear()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for key, value in address.items():
        app.query_params[key] = value
    app.run()
    return app.switch_page(FILES[name]).run()


def words(app: AppTest) -> str:
    """Join every text that a page shows."""
    found: list[str] = []
    for kind in ("title", "subheader", "markdown", "text", "info", "error", "caption", "html", "code", "get"):
        for element in app.get(kind) if kind != "get" else []:
            value: Any = getattr(element, "value", None) or getattr(getattr(element, "proto", None), "body", "")
            found.append(str(value))
    return "\n".join(found)


def faults(app: AppTest) -> list[str]:
    """List the errors that a page shows, in words."""
    bodies = [str(getattr(element.proto, "body", "")) for element in app.get("html")]
    return [body for body in bodies if 'class="fault"' in body] + [element.value for element in app.error]


def adopt(analysis: Any, cache: Path) -> str:
    """Put an analysis into the cache under its id."""
    target = cache / "analyses" / analysis.id
    if not target.exists():
        shutil.copytree(analysis.folder, target)
    return analysis.id
