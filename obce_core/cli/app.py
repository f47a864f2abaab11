"""`obce app`: the dashboard, with the settings that make it safe and quick."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from obce_core.errors import ObceError
from obce_core.settings import cache_dir, project_root


def app_home() -> Path:
    """Find the folder with app.py, pages and .streamlit: the checkout, or inside the installed package."""
    root = project_root()
    home = root if root is not None else Path(__file__).resolve().parent.parent / "_app"
    if not (home / "app.py").is_file():
        raise ObceError(f"The dashboard's files are missing in {home}.", hint="Install obce again.")
    return home


def app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = False,
) -> None:
    """Open the dashboard on http://127.0.0.1:8501, for this machine only.

    Example: obce app --port 8502
    """
    home = app_home()
    environment = {**os.environ, "OBCE_CACHE": str(cache_dir()), "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [
        sys.executable, str(home / "pages" / "_ui" / "serve.py"), str(home / "app.py"), f"--server.port={port}",
        f"--server.headless={'false' if open_browser else 'true'}",
    ]  # fmt: skip
    print(f"Dashboard on http://127.0.0.1:{port} (Ctrl-C ends it; running jobs go on)", flush=True)
    os.chdir(home)  # streamlit reads .streamlit/config.toml from here: the theme, and the settings that make it safe
    os.execve(sys.executable, command, environment)
