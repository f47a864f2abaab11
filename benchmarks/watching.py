"""How long a page takes in a browser: from an action to the last change that it makes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.browsing import IDLE

# Marks the page's clock at each change below its root and below the roots of its components. Words that nobody sees (a
# table keeps a copy of its cells within its canvas, and writes it later) and a playing film do not count.
WATCH = """
() => {
  if (window.watch) return;
  window.watch = { last: 0, seen: new WeakSet() };
  const look = (root) => {
    if (watch.seen.has(root)) return;
    watch.seen.add(root);
    new MutationObserver((changes) => {
      for (const change of changes) {
        const node = change.target.nodeType === 1 ? change.target : change.target.parentElement;
        if (!node?.closest("canvas, .film")) watch.last = performance.now();
        for (const added of change.addedNodes) walk(added);
      }
    }).observe(root, { subtree: true, childList: true, characterData: true });
    walk(root);
  };
  const walk = (node) => {
    if (node.shadowRoot) look(node.shadowRoot);
    node.querySelectorAll?.("*").forEach((child) => { if (child.shadowRoot) look(child.shadowRoot); });
  };
  look(document.body);
  window.find = (selector, root = document) => {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const node of root.querySelectorAll("*")) {
      const inner = node.shadowRoot && window.find(selector, node.shadowRoot);
      if (inner) return inner;
    }
    return null;
  };
}
"""


def settled(page: Any, act: Callable[[], Any], *, until: str = "() => true", quiet: float = 350) -> float:
    """Do something and return the seconds to the last change of the page, once `until` holds and it is quiet."""
    page.evaluate(WATCH)
    start = page.evaluate("() => { watch.last = 0; return performance.now(); }")
    act()
    page.wait_for_function(until, timeout=30_000)
    page.wait_for_function(f"() => watch.last && performance.now() - watch.last > {quiet}", timeout=30_000)
    return (page.evaluate("() => watch.last") - start) / 1000


def first_seen(browser: Any, address: str, what: str, *, wait: str) -> float:
    """Open an address in an empty profile and return the seconds until `what` is on the page."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.get_by_text(what).first.wait_for(timeout=60_000)
    if wait:
        page.locator(wait).first.wait_for(timeout=60_000)
        page.locator(IDLE).wait_for(timeout=60_000)
    taken = time.perf_counter() - start
    context.close()
    return taken


def open_page(browser: Any, address: str, received: list[int] | None = None) -> Any:
    """Open an address and wait for its script to end; `received` hears of the bytes of each message from the server."""
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    if received is not None:
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto(address)
    page.locator(IDLE).wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    page.evaluate(WATCH)
    return page
