"""`obce fsck`: check the whole cache against the seven conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obce_core.cli import options as opt
from obce_core.cli.console import say, show
from obce_core.errors import BadInput


def fsck(
    mend: Annotated[
        bool, typer.Option("--repair", help="Remove orphaned files and damaged checkpoints; mark dead runs as lost.")
    ] = False,
    since: Annotated[
        Path | None, typer.Option(callback=opt.expand, help="What an earlier --json printed: is all of it still there?")
    ] = None,
    json: opt.Json = False,
) -> int:
    """Check the cache for lost, incomplete or inconsistent entries. Exit code 1 if there are any.

    Example: obce fsck --json > before.json; ...; obce fsck --since before.json
    """
    from obce_core.cache.fsck import check, repair
    from obce_core.cache.fsck.folders import read_units

    try:
        before = read_units(since) if since else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{since} is nothing that obce fsck --json printed.") from None
    result = repair() if mend else []
    report = check(before)
    if json:
        show(report.plain() | {"repaired": result}, as_json=True)
        return int(not report.sound)
    for line in [*result, *(fault.describe() for fault in report.faults)]:
        say(line)
    if report.debris:
        say(f"{len(report.debris)} half-written without an owner (no fault; --repair sweeps them)")
    say("sound" if report.sound else f"{len(report.faults)} faults")
    return int(not report.sound)
