"""Claim: the dashboard answers at once, in a real browser, on the demo model.

A server of our own, a headless Chromium, medians. What is timed ends with the last change that the action makes to the
page (of text, figures and components; a canvas counts by what it tells beside it), not with the server's answer.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.models import LARGE, many_texts, save_bert
from benchmarks.timing import at_least, at_most, below, note
from benchmarks.watching import WATCH, first_seen, open_page, settled
from tests.browsers import missing
from tests.browsing import IDLE, chromium, serve

COMPONENTS = ("query", "key", "value", "intermediate")
VIEWERS = 10

MARK = """
(() => {
  const there = (root) => [...root.querySelectorAll("*")].some(
    (node) => node.shadowRoot?.querySelector(".cellmap .cell"));
  const look = () => { if (there(document)) window.mapped = performance.now(); else setTimeout(look, 50); };
  addEventListener("DOMContentLoaded", look);
})()
"""
"""Marks when the cell map is there, in milliseconds since the page was asked for."""


def home(browser: Any, address: str, line: str, rounds: int) -> None:
    """Home beside a page with one line of text, in turns."""
    ours, plain = [], []
    first_seen(browser, address, "Which neurons", wait="canvas")  # the server is warm then
    first_seen(browser, line, "one line", wait="")
    for _ in range(rounds):
        plain.append(first_seen(browser, line, "one line", wait=""))
        ours.append(first_seen(browser, address, "Which neurons", wait="canvas"))
    note("a page with one line", f"{statistics.median(plain):.2f} s")
    at_most(
        "Home complete, later than a page with one line", statistics.median(ours) - statistics.median(plain), 1.0, " s"
    )


def pages(browser: Any, address: str, rounds: int) -> None:
    """Go from page to page by the sidebar."""
    page = open_page(browser, address)
    times = []
    for _ in range(rounds):
        for name in ("Importance", "Plan", "Home"):
            link = page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"^{name}$|{name}"))
            times.append(settled(page, link.first.click, until=f"() => document.querySelector({IDLE!r}) !== null"))
    below("page change", statistics.median(times), 0.5, " s")


def cells(browser: Any, address: str, rounds: int) -> None:
    """Click cells of the map; the distribution follows."""
    page = open_page(browser, f"{address}/importance?layer=3&component=value")
    times = []
    for turn in range(rounds):
        layer, component = 3 + turn % 4, COMPONENTS[(turn + turn // 4) % 4]
        title = f"Layer {layer}, {component.capitalize()}"
        cell = page.locator(f'.cellmap .cell[data-layer="{layer}"][data-component="{component}"]')
        until = f"() => window.find('.cellview')?.querySelector('[aria-label*=\"{title}\"]')"
        times.append(settled(page, cell.click, until=until))
    below("click on a cell to its drawn distribution", statistics.median(times), 0.4, " s")


def neurons(browser: Any, address: str, analysis: str, texts: int, target: float, rounds: int) -> None:
    """Tick a row of the table of neurons; the film plays."""
    times = []
    for turn in range(rounds):
        page = open_page(browser, f"{address}/importance?analysis={analysis}&layer={3 + turn % 4}&component=value")
        table = page.get_by_test_id("stDataFrame").last
        table.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        start = page.evaluate("() => performance.now()")
        table.click(position={"x": 16, "y": 35 + 17})
        page.wait_for_function(
            "() => { const told = window.find('.film .readout .radius b'); return told && told.textContent.trim() > "
            "'0'; }",
            timeout=30_000,
        )
        times.append((page.evaluate("() => performance.now()") - start) / 1000)
        page.context.close()
    below(f"click on a neuron to a playing film, {texts} texts", statistics.median(times), target, " s")


def frames(browser: Any, address: str, analysis: str) -> None:
    """Count the frames a second of a playing film."""
    page = open_page(browser, f"{address}/neuron?analysis={analysis}&layer=5&component=value")
    rate = page.evaluate(
        """() => new Promise((resolve) => {
          const play = window.find('.film .buttons .play');
          if (play.getAttribute('aria-label') !== 'Pause') play.click();
          let count = 0;
          const start = performance.now();
          const step = (now) => {
            count++;
            if (now - start < 4000) requestAnimationFrame(step); else resolve(1000 * count / (now - start));
          };
          requestAnimationFrame(step);
        })"""
    )
    at_least("frames a second of the film, 1,500 texts", rate, 50)


def edits(browser: Any, address: str, analysis: str, name: str, rounds: int) -> None:
    """Set a percentile by the keyboard; the numbers above the grid change."""
    page = open_page(browser, f"{address}/plan?analysis={analysis}")
    page.locator('.plangrid .cell[data-name="4.value"]').first.click()
    page.wait_for_timeout(1500)
    times = []
    for turn in range(rounds):
        before = page.evaluate("() => document.querySelector('.facts').textContent")
        start = page.evaluate("() => performance.now()")
        page.keyboard.press("+" if turn % 8 < 7 else "Delete")
        page.wait_for_function(
            "(before) => document.querySelector('.facts').textContent !== before",
            arg=before,
            timeout=30_000,
            polling=10,
        )
        times.append((page.evaluate("() => performance.now()") - start) / 1000)
        page.wait_for_timeout(700)
    below(f"plan edit to new numbers, {name}", statistics.median(times), 0.25, " s")


def viewers(browser: Any, address: str, seconds: float) -> None:
    """Let ten people look at once: each clicks another cell every three seconds, one after the other."""
    loads, looking = [], []
    for _ in range(VIEWERS):
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(MARK)
        page.goto(f"{address}/importance?layer=3&component=value", wait_until="commit")  # all of them load at once
        looking.append(page)
    for page in looking:
        page.wait_for_function("() => window.mapped", timeout=60_000)
        loads.append(page.evaluate("() => window.mapped") / 1000)
        page.locator(IDLE).wait_for(timeout=60_000)
        page.evaluate(WATCH)
    for place, page in enumerate(looking):
        page.evaluate(
            """([place, viewers, pause, end, components]) => {
              const map = window.find(".cellmap");
              window.taken = [];
              const click = (turn) => {
                const layer = 3 + turn % 4, component = components[(turn + (turn >> 2)) % 4], start = performance.now();
                const title = `Layer ${layer}, ${component[0].toUpperCase()}${component.slice(1)}`;
                map.querySelector(`.cell[data-layer="${layer}"][data-component="${component}"]`).click();
                const wait = () => {
                  const drawn = window.find(".cellview")?.querySelector(`[aria-label*="${title}"]`);
                  if (!drawn) { setTimeout(wait, 10); return; }
                  window.taken.push(performance.now() - start);
                  if (start + pause < stop) setTimeout(
                    () => click(turn + 1), Math.max(0, start + pause - performance.now()));
                };
                wait();
              };
              const stop = performance.now() + end;
              setTimeout(() => click(1), (place * pause) / viewers);
            }""",
            [place, VIEWERS, 3000, 1000 * seconds, COMPONENTS],
        )
    time.sleep(seconds + 6)
    times = [value / 1000 for page in looking for value in page.evaluate("() => window.taken")]
    note(
        f"{VIEWERS} viewers",
        f"{len(times)} reruns, median {statistics.median(times):.2f} s, slowest {max(times):.2f} s",
    )
    below(f"{VIEWERS} viewers at once: 95th percentile of a rerun", statistics.quantiles(times, n=20)[-1], 1.0, " s")
    below(f"{VIEWERS} viewers who come at once: slowest first load", max(loads), 5.0, " s")


def messages(browser: Any, address: str, analysis: str) -> None:
    """Sum what the server sends for each page's first run and for a rerun."""
    worst = 0
    for path in ("importance?layer=3&component=intermediate", "neuron?layer=5&component=value", "plan?", "?"):
        received: list[int] = []
        page = open_page(browser, f"{address}/{path}&analysis={analysis}", received)
        first, received[:] = sum(received), []
        if path.startswith("importance"):
            page.locator('.cellmap .cell[data-layer="5"][data-component="intermediate"]').click()
            page.wait_for_timeout(2500)
            note("sent for a click on a cell", f"{sum(received) / 1e6:.2f} MB")
            worst = max(worst, sum(received))
        note(f"sent for {path.split('?')[0] or 'home'}", f"{first / 1e6:.2f} MB")
        worst = max(worst, first)
        page.context.close()
    at_most("largest sum of messages of one run, 1,500 texts", worst / 1e6, 2.0, " MB")


def prepare(cache: Path, large: bool) -> dict[str, str]:
    """Make the analyses: the demo's, one of 1,500 texts, and a BERT Large's (random weights)."""
    os.environ["OBCE_CACHE"] = str(cache)
    from obce_core import analyze

    made = {"many": "", "large": ""}
    (cache / "many.txt").write_text("\n".join(many_texts(1500)), encoding="utf-8")
    made["many"] = analyze("demo", str(cache / "many.txt"), n_texts=1500, device="cpu").id
    if large:
        made["large"] = analyze(save_bert(cache / "large", **LARGE), "demo", n_texts=8, device="cpu").id
    made["demo"] = analyze("demo", "demo", n_texts=150, device="cpu").id
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="repetitions of each action")
    parser.add_argument(
        "--large", action="store_true", help="also edit the plan of a BERT Large (1.3 GB, some minutes)"
    )
    parser.add_argument("--seconds", type=float, default=30, help="how long the ten viewers look")
    parser.add_argument(
        "--only", nargs="+", choices=("home", "pages", "cells", "neurons", "frames", "edits", "messages", "viewers")
    )
    chosen = parser.parse_args()
    if missing():
        raise SystemExit(missing())
    wanted = set(chosen.only or ("home", "pages", "cells", "neurons", "frames", "edits", "messages", "viewers"))
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        cache = Path(name)
        made = prepare(cache, chosen.large)
        (cache / "line.py").write_text("import streamlit as st\nst.text('one line')\n")
        flags = ["--server.port", "PORT", "--server.headless", "true", "--browser.gatherUsageStats", "false"]
        with (
            serve(cache) as address,
            serve(cache, [sys.executable, "-m", "streamlit", "run", str(cache / "line.py"), *flags]) as line,
        ):
            if "home" in wanted:
                home(browser, address, line, chosen.rounds)
            if "pages" in wanted:
                pages(browser, address, chosen.rounds)
            if "cells" in wanted:
                cells(browser, address, max(chosen.rounds, 12))
            if "neurons" in wanted:
                neurons(browser, address, made["demo"], 150, 1.2, chosen.rounds)
                neurons(browser, address, made["many"], 1500, 1.5, chosen.rounds)
            if "frames" in wanted:
                frames(browser, address, made["many"])
            if "edits" in wanted:
                edits(browser, address, made["demo"], "the demo model", max(chosen.rounds, 12))
                if made["large"]:
                    edits(browser, address, made["large"], "BERT Large", max(chosen.rounds, 12))
            if "messages" in wanted:
                messages(browser, address, made["many"])
            if "viewers" in wanted:
                viewers(browser, address, chosen.seconds)


if __name__ == "__main__":
    main()
