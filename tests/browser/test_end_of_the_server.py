"""Ctrl-C with a page open in a browser: the server ends at once, and its background worker too."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obce_core.plan import PruneSpec
from obce_core.plan.storage import write_draft
from tests.browsers import missing
from tests.browsing import IDLE, OURS, chromium, free_port, wait_for

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


def children(pid: int) -> list[int]:
    """List the processes that a process started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def until(holds: Callable[[], Any], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(holds())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_server_and_its_worker_end_while_a_page_is_open(
    sent: signal.Signals, tiny_analysis: Any, cache: Path
) -> None:
    shutil.copytree(tiny_analysis.folder, cache / "analyses" / tiny_analysis.id)
    write_draft(tiny_analysis.id, PruneSpec(cells={3: {"value": 50}}), seen="")
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in OURS]
    server = subprocess.Popen(
        command,
        cwd=cache.parent,
        env={**os.environ, "OBCE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/_stcore/health", server)
        with chromium() as browser:
            page = browser.new_page()
            page.goto(f"{address}/plan?analysis={tiny_analysis.id}")
            page.locator(IDLE).wait_for(timeout=60_000)
            assert until(lambda: children(server.pid), 20), "the plan's preview starts the background worker"
            workers = children(server.pid)  # importing for seconds: as busy as it gets
            server.send_signal(sent)
            start = time.monotonic()
            server.wait(10)
            assert time.monotonic() - start < 5
            assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 1), (
                "the background worker is still running"
            )
    finally:
        if server.poll() is None:
            server.kill()
            server.wait(10)
