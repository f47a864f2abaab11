"""The dashboard's process stays light: jobs and models live elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pages_app import ROOT, adopt

_SCRIPT = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pages_app import FILES, open_page
for name in FILES:
    app = open_page(name, analysis={key!r})
    assert not app.exception, (name, app.exception)
heavy = sorted(set(sys.modules) & {{"torch", "transformers", "sklearn", "umap", "datasets", "gudhi"}})
print("heavy:", heavy)
"""


def test_the_dashboard_imports_no_torch_and_no_transformers(tiny_analysis: Any, cache: Path) -> None:
    key = adopt(tiny_analysis, cache)
    script = _SCRIPT.format(root=str(ROOT), tests=str(Path(__file__).parent), key=key)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "OBCE_CACHE": str(cache)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "heavy: []" in done.stdout


def test_the_launcher_settings_are_shipped() -> None:
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"] == {
        "address": "127.0.0.1",
        "allowedHosts": ["localhost", "127.0.0.1"],
        "fileWatcherType": "none",
        "runOnSave": False,
        "maxUploadSize": 25,
        "maxMessageSize": 50,
        "enableCORS": True,
        "enableXsrfProtection": True,
        "enableStaticServing": False,
        "enableAgentApi": False,
        "headless": True,
    }
    assert config["browser"] == {"serverAddress": "localhost", "gatherUsageStats": False}
    assert config["client"] == {"showErrorDetails": "none", "toolbarMode": "minimal"}
