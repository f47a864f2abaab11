"""Start the dashboard's server with access control: `python pages/_shared/serve.py APP [options]`; `obce app` runs it.

The token is generated in the process that checks it, so it appears in neither arguments nor environment.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a checkout that is not installed

from obce_core.access import Door, Policy
from obce_core.access.launch import announcement, open_in_browser

# Until the first `st.navigation`, Streamlit uses a folder named `pages` for its old router, and the first visitor of a
# deep link sees "Page not found" over the right page. The navigation is declared, so disable the old router.
PagesManager.uses_pages_directory = False


def options(policy: Policy) -> dict[str, Any]:
    """Return the server options of a policy; they take precedence over configuration files and variables."""
    return {
        "server.address": policy.host,
        "server.port": policy.port,
        "server.allowedHosts": ["*"]
        if policy.is_wildcard
        else ["localhost", "127.0.0.1", "::1", policy.host, *policy.names],
        "server.baseUrlPath": "",
        "server.corsAllowedOrigins": [],
        "server.customComponentBaseUrlPath": "",
        "server.disconnectedSessionTTL": 120,
        "server.enableAgentApi": False,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.headless": True,
        "server.maxMessageSize": 50,
        "server.maxUploadSize": 25,
        "server.runOnSave": False,
        "server.scriptHealthCheckEnabled": False,
        "server.sslCertFile": "",
        "server.sslKeyFile": "",
        "server.trustedUserHeaders": {},
        "browser.gatherUsageStats": False,
        "browser.serverAddress": "localhost",
        "browser.serverPort": policy.port,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        "logger.hideWelcomeMessage": True,  # Streamlit's message shows the address without the token
    }


def app_of(script: Path, policy: Policy, *, open_browser: bool, read_only: bool) -> st.App:
    """Return the dashboard as an ASGI app behind the access middleware."""

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:  # the port is bound by now
        print(announcement(policy, read_only=read_only), flush=True)
        if open_browser:
            threading.Thread(target=open_in_browser, args=(policy,), daemon=True).start()
        yield

    return st.App(script, middleware=[Middleware(Door, policy=policy)], lifespan=lifespan)


def main() -> None:
    """Read the options and serve until a signal ends it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("app", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--no-token", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--read-only", action="store_true")
    arguments = parser.parse_args()
    policy = Policy(
        host=arguments.host, port=arguments.port, names=tuple(arguments.allow_host), needs_token=not arguments.no_token
    )
    script = arguments.app.resolve()
    sys.argv = [str(script)]  # streamlit looks for .streamlit beside it, as `streamlit run` does
    # uvicorn raises the signal again once it has shut down; sys.exit lets the exit handlers end the background worker.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    app_of(script, policy, open_browser=arguments.open, read_only=arguments.read_only).run(config=options(policy))


if __name__ == "__main__":
    main()
