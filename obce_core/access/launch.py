"""The start of the dashboard: the lines that are printed, and the browser that is opened."""

from __future__ import annotations

import getpass
import json
import os
import socket
import tempfile
import threading
import webbrowser
from pathlib import Path

from obce_core.access.policy import Policy
from obce_core.errors import BadInput, shorten

_OPEN_SECONDS = 60.0
"""How long the file that leads a browser to the dashboard stays on disk."""


def announcement(policy: Policy, *, read_only: bool = False) -> str:
    """Return what is printed once the port is bound: the address to open, and a warning for each lowered protection."""
    lines = [f"Dashboard on {policy.address()} (Ctrl-C ends it; running jobs continue)"]
    who = _user()
    if policy.needs_token:
        lines.append(
            "The token in the address is new at each start and signs a browser in; anyone who has it acts as you."
        )
    reach = (
        "every account on this machine"
        if policy.is_local
        else f"everybody who reaches port {policy.port} of this machine"
    )
    if not policy.needs_token:
        may = "read what the cache holds" if read_only else f"start jobs and read files as {who}"
        lines.append(f"WARNING: --no-token: {reach} can {may}.")
    if not policy.is_local:
        event = "all addresses" if policy.is_wildcard else policy.host
        lines.append(
            f"WARNING: listening on {event} without encryption: the network can read the token, texts and results. "
            "Put a proxy with TLS in front (docs/reverse-proxy.md)."
        )
    if policy.is_wildcard:
        lines.append(
            f"Other machines open it by an address of this one, port {policy.port}; for a name start with "
            "--allow-host NAME."
        )
    if read_only:
        lines.append("Read-only: no jobs, uploads, paths or deletion; each visitor's plan lasts as long as the page.")
    return "\n".join(lines)


def check_port(policy: Policy) -> None:
    """Raise BadInput if the address and port cannot be bound."""
    family = socket.AF_INET6 if ":" in policy.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((policy.host, policy.port))
        except OSError as error:
            raise BadInput(
                f"The dashboard cannot listen on {policy.host} port {policy.port}: {shorten(error.strerror or error)}.",
                hint="Another dashboard may use it; give another --port, or an address of this machine to --host.",
            ) from None


def open_in_browser(policy: Policy) -> None:
    """Open the dashboard in the browser of this machine, if there is one.

    With a token the browser is led there by a file that only this account reads: the address as an argument would stand
        in
    the list of processes.
    """
    if not policy.needs_token:
        webbrowser.open(policy.address())
        return
    handle, name = tempfile.mkstemp(prefix="obce-", suffix=".html")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        script = f"location.replace({json.dumps(policy.address())})"
        stream.write(f"<!doctype html><meta charset=utf-8><title>OBCE</title><script>{script}</script>")
    removal = threading.Timer(_OPEN_SECONDS, Path(name).unlink, kwargs={"missing_ok": True})
    removal.daemon = True
    removal.start()
    if not webbrowser.open(Path(name).as_uri()):
        Path(name).unlink(missing_ok=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        return f"user {os.getuid()}"
