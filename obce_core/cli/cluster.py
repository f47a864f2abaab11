"""The confirmation that a Ray cluster typed on the command line may receive the token."""

from __future__ import annotations

import sys

import typer

from obce_core.errors import Cancelled


def confirm_cluster(address: str | None) -> bool:
    """Ask, in a terminal, whether the token may go to an address that is not the configured one; return the answer.

    Without a terminal nothing is confirmed.
    """
    from obce_core.jobs.launchers.ray_cluster import check_address, needs_confirmation, public_address

    if address is None or not needs_confirmation(address):
        return False
    check_address(address, confirmed=True)  # what is refused anyway is not asked about
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    if not typer.confirm(f"Send the Ray token of this account to {public_address(address)}?", err=True):
        raise Cancelled("Nothing was sent.")
    return True
