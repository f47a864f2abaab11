"""`obce app`: the dashboard, with the settings that make it safe and quick."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from obce_core.access.launch import check_port
from obce_core.access.policy import Policy, check_host, check_names
from obce_core.errors import ObceError
from obce_core.settings import cache_dir, project_root, read_only, root_folders


def app_home() -> Path:
    """Find the folder with app.py, pages and .streamlit: the checkout, or inside the installed package."""
    root = project_root()
    home = root if root is not None else Path(__file__).resolve().parent.parent / "_app"
    if not (home / "app.py").is_file():
        raise ObceError(f"The dashboard's files are missing in {home}.", hint="Install obce again.")
    return home


def server_environment() -> dict[str, str]:
    """Return the server's environment without STREAMLIT_* variables, which would override its protections.

    The server works in the folder of its files, so the roots, one of which is the working folder, are fixed here.
    """
    kept_items = {name: value for name, value in os.environ.items() if not name.upper().startswith("STREAMLIT_")}
    roots = os.pathsep.join(str(root.absolute()) for root in root_folders())
    return {**kept_items, "OBCE_CACHE": str(cache_dir()), "OBCE_ROOTS": roots, "HF_HUB_DISABLE_TELEMETRY": "1"}


def app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is every address of this machine.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Host name that visitors type, such as obce.example.org behind a proxy; repeatable."),
    ] = None,
    token: Annotated[
        bool,
        typer.Option(
            "--token/--no-token",
            help="Ask for the token of the printed address; --no-token serves everyone who can reach the port.",
        ),
    ] = True,
    visitors: Annotated[
        bool, typer.Option("--read-only", help="No jobs, uploads, paths or deletion: for a public demo or a class.")
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = False,
) -> None:
    """Open the dashboard on http://127.0.0.1:8501, for the account that starts it: the printed address holds a token.

    Example: obce app --port 8502
    """
    home = app_home()
    policy = Policy(host=check_host(host), port=port, names=check_names(allow_host or ()), needs_token=token)
    check_port(policy)
    environment = server_environment()
    if visitors:
        environment["OBCE_READ_ONLY"] = "1"
    command = [
        sys.executable,
        str(home / "pages" / "_shared" / "serve.py"),
        str(home / "app.py"),
        f"--host={policy.host}",
        f"--port={port}",
        *(f"--allow-host={name}" for name in policy.names),
        *(() if token else ("--no-token",)),
        *(("--read-only",) if visitors or read_only() else ()),
        *(("--open",) if open_browser else ()),
    ]
    os.chdir(home)  # streamlit reads .streamlit/config.toml from here too: the theme
    os.execve(sys.executable, command, environment)
