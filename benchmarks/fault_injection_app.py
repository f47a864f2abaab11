"""The fault injections that need the dashboard itself and a browser: the server killed with a page open, reloads after
Start."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.arena import Outcome, arena, until, worker_pid
from obce_core.jobs import FINAL, LocalLauncher, Run, list_runs
from obce_core.jobs.spawn import environment
from obce_core.settings import cache_dir
from tests.browsing import chromium, free_port, settle, wait_for

_LOST = 10.0
"""Seconds after a restart within which an open page shows the job again."""


def server_killed(texts: int = 600) -> Outcome:
    """C1 with a real server: it is killed with its group while a job runs and a page watches, and started again on its
    port."""
    with arena("C1", "server killed, page open") as outcome, contextlib.ExitStack() as ended:
        port, app, page, run, pid = _watched(ended, texts)
        _end(app)
        seen = page.get_by_test_id("stMain").inner_text()
        time.sleep(5.0)
        ended.callback(_end, _start(port))
        if run.status().state not in FINAL:
            outcome.expect(worker_pid(run) == pid, "the worker was replaced")
        launcher = LocalLauncher()
        shown = until(lambda: page.get_by_test_id("stMain").inner_text() not in (seen, ""), 60.0, 0.1)  # it moves again
        outcome.figures["page_back_after_s"] = round(shown, 2)
        outcome.expect(shown <= _LOST, f"the page took {shown:.1f} s to come back")
        until(lambda: launcher.probe(run).state in FINAL)
        outcome.expect(run.status().state == "done", f"the job ended as {run.status().state}: {run.status().reason}")
        outcome.expect(len(list_runs()) == 1, "the restarted server started the job again")
        analysis = (run.result() or {}).get("analysis", "")
        page.goto(f"http://127.0.0.1:{port}/importance?analysis={analysis}")
        page.locator(".cellmap .cell").first.wait_for()
    return outcome


def server_slept(seconds: float = 60.0, texts: int = 600) -> Outcome:
    """C8 with a real server: it and a job's worker and keeper sleep while a page watches, as in a closed laptop, and
    wake up."""
    with arena("C8", f"server and job asleep for {seconds:g} s, page open") as outcome, contextlib.ExitStack() as ended:
        _, app, page, run, pid = _watched(ended, texts)
        told = run.stored()
        sleepers = [pid, int((told.process if told is not None else {})["keeper"]["pid"])]
        os.killpg(app.pid, signal.SIGSTOP)
        for each in sleepers:
            os.kill(each, signal.SIGSTOP)
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            outcome.expect(LocalLauncher().probe(run).state == "running", f"called {run.status().state} while it slept")
            time.sleep(0.5)
        seen = page.get_by_test_id("stMain").inner_text()
        for each in reversed(sleepers):
            os.kill(each, signal.SIGCONT)
        os.killpg(app.pid, signal.SIGCONT)
        outcome.expect(worker_pid(run) == pid, "another worker took it")
        shown = until(lambda: page.get_by_test_id("stMain").inner_text() not in (seen, ""), 60.0, 0.1)
        outcome.figures |= {"asleep_s": seconds, "page_moves_after_s": round(shown, 2)}
        outcome.expect(shown <= _LOST, f"the page took {shown:.1f} s to move again")
        launcher = LocalLauncher()
        until(lambda: launcher.probe(run).state in FINAL)
        outcome.expect(run.status().state == "done", f"the job ended as {run.status().state}: {run.status().reason}")
        outcome.expect(len(list_runs()) == 1, "the job was started again")
    return outcome


def reloaded_after_start(count: int = 20) -> Outcome:
    """C2 with a real browser: the page is reloaded, closed or left 100 to 2000 ms after Start, each time another
    form."""
    with (
        arena("C2", f"page left after Start, {count} random delays") as outcome,
        chromium() as browser,
        contextlib.ExitStack() as ended,
    ):
        port, chance = free_port(), random.Random(2)
        app = _start(port)
        ended.callback(lambda: _end(app))
        ways = {"reload": 0, "close": 0, "another page": 0}
        for at in range(count):
            page = browser.new_context().new_page()
            page.set_default_timeout(60_000)
            page.goto(f"http://127.0.0.1:{port}/analysis")
            _press_start(page, seed=at, texts=20, twice=at % 4 == 0)
            page.wait_for_timeout(chance.uniform(100, 2000))
            way = chance.choice(list(ways))
            ways[way] += 1
            if way == "reload":
                page.reload()
            elif way == "another page":
                page.get_by_test_id("stSidebarNavLink").filter(has_text="Lessons").click()
                page.wait_for_timeout(300)
            page.context.close()
        time.sleep(1.0)
        runs = list_runs()
        seeds = [run.spec["options"]["seed"] for run in runs]
        outcome.figures |= {"runs": len(runs), **ways}
        outcome.expect(len(seeds) == len(set(seeds)), "a form made two runs")
        outcome.expect(set(seeds) <= set(range(count)), "a run of no form")
        launcher = LocalLauncher()
        for run in runs[:-1]:
            launcher.cancel(run)
        until(lambda: all(launcher.probe(run).state in FINAL for run in runs), 240.0)
        outcome.expect(
            runs[-1].status().state in ("done", "cancelled"), f"the first run ended as {runs[-1].status().state}"
        )
    return outcome


def _watched(ended: contextlib.ExitStack, texts: int) -> tuple[int, subprocess.Popen[bytes], Any, Run, int]:
    """Start a server and a job from its page, until the page shows how far it is; return port, server, page, run and
    worker's pid."""
    browser, port = ended.enter_context(chromium()), free_port()
    app = _start(port)
    ended.callback(_end, app)
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{port}/analysis")
    _press_start(page, seed=1, texts=texts)
    (run,) = _runs(1)
    pid = worker_pid(run)
    page.get_by_role("progressbar").wait_for()
    return port, app, page, run, pid


def _start(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "obce_core.cli", "app", "--port", str(port), "--no-token"]
    app = subprocess.Popen(
        command,
        cwd=Path(__file__).resolve().parents[1],
        env={**environment(), "OBCE_CACHE": str(cache_dir())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(f"http://127.0.0.1:{port}/_stcore/health", app)
    return app


def _end(app: subprocess.Popen[bytes]) -> None:
    """Kill a server with all that is in its group; jobs are in groups of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(app.pid, signal.SIGKILL)
    app.wait()


def _press_start(page: Any, *, seed: int, texts: int, twice: bool = False) -> None:
    settle(page)
    page.get_by_label("Sampling seed").fill(str(seed))
    page.keyboard.press("Enter")
    settle(page)
    chosen = page.get_by_role("radio", name=re.compile("any|other", re.I))
    if texts not in (150, 700, 1500, 3000) and chosen.count():
        chosen.first.click()
        page.get_by_label("N", exact=True).fill(str(texts))
        page.keyboard.press("Enter")
        settle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    if twice:
        with contextlib.suppress(Exception):  # it may be gone already
            page.get_by_role("button", name="Start", exact=True).click(timeout=700)


def _runs(count: int) -> Iterator[Any]:
    until(lambda: len(list_runs()) >= count)
    return iter(list_runs())
