"""Take the pictures that the README shows: `python -m benchmarks.screenshots`, or another folder with `--out`.

A demo analysis, a plan and a model are made in a temporary cache, and the pages are opened in a headless Chromium.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.browsers import missing
from tests.browsing import chromium, serve, settle

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "home": "?analysis={id}",
    "importance": "importance?analysis={id}&layer=5&component=value",
    "neuron": "neuron?analysis={id}&layer=5&component=value&neuron={neuron}",
    "plan": "plan?analysis={id}",
    "model": "model?analysis={id}",
    "learn": "learn?lesson=2",
}
DARK = ("importance", "neuron")
SETTLE = 13_000
"""Milliseconds for films to play to their end."""

MEASURED = 300_000
"""Milliseconds that previews may take to arrive."""


ARRIVED = """() => {
  const told = (root) => root.textContent.includes("measuring")
    || [...root.querySelectorAll("*")].some((node) => node.shadowRoot && told(node.shadowRoot));
  return !told(document.querySelector("[data-testid=stMain]"));
}"""
"""No cosine is being measured any more."""


def prepare(cache: Path) -> dict[str, Any]:
    """Make what the pages show: an analysis, the paper's plan as the draft, and its model."""
    os.environ["OBCE_CACHE"] = str(cache)
    from obce_core import analyze, compress, make_plan
    from obce_core.plan.storage import write_draft

    analysis = analyze("demo", "demo", n_texts=150, device="cpu")
    plan = make_plan(analysis, preset="paper-scaled")
    write_draft(analysis.id, plan.prune_spec, seen="")
    compress(analysis, plan, device="cpu")
    scores = analysis.scores(5, "value")
    return {"id": analysis.id, "neuron": int(analysis.neurons(5, "value")[scores.argsort()[-4]])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder for the pictures")
    parser.add_argument("--only", nargs="+", choices=tuple(PAGES), default=tuple(PAGES))
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    chosen = parser.parse_args()
    if missing():
        raise SystemExit(missing())
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        made = prepare(Path(name))
        with serve(Path(name)) as address:
            for mode in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": chosen.width, "height": chosen.height}, color_scheme=mode
                )
                page = context.new_page()
                for title in chosen.only:
                    if mode == "dark" and title not in DARK:
                        continue
                    page.goto(f"{address}/{PAGES[title].format(**made)}")
                    settle(page)
                    page.wait_for_timeout(SETTLE)
                    page.wait_for_function(ARRIVED, timeout=MEASURED)
                    page.wait_for_timeout(1000)
                    path = chosen.out / f"{title}-{mode}.png"
                    page.screenshot(path=path)
                    print(path)
                context.close()


if __name__ == "__main__":
    main()
