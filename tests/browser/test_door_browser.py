"""The token in a real browser: accepted at the first load, removed from address and history; links from other sites."""

from __future__ import annotations

import http.server
import re
import sys
import threading
from typing import Any

import pytest

from tests.browsing import settle, started, watch

COMMAND = [sys.executable, "-m", "obce_core.cli", "app", "--port", "PORT"]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Start a dashboard with a token; the address that it prints."""
    with started(COMMAND, tmp_path_factory.mktemp("door") / "cache") as (_, _, log):
        yield re.findall(r"http://\S+token=\S+", log.read_text())[0]


def test_the_token_is_exchanged_and_leaves_the_address(browser: Any, printed: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    faults, asked = watch(page), []
    page.on("request", lambda request: asked.append((request.url, request.headers.get("referer", ""))))
    root, _, token = printed.partition("?token=")
    page.goto("about:blank")
    page.goto(f"{root}learn?lesson=2&token={token}")
    page.get_by_role("link", name="Lessons").wait_for()
    settle(page)
    assert "token" not in page.url and "lesson=2" in page.url
    assert [url for url, referer in asked[1:] if token in url or token in referer] == []
    (cookie,) = [cookie for cookie in context.cookies() if cookie["name"].startswith("obce-")]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["expires"] == -1
    assert token not in page.evaluate(
        "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.referrer"
    )
    page.reload()
    settle(page)
    page.go_back()  # the address with the token is not in the history
    assert page.url == "about:blank"
    assert faults == []
    context.close()


def test_a_browser_without_the_token_sees_what_to_do_and_may_type_it(browser: Any, printed: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    root, _, token = printed.partition("?token=")
    assert page.goto(f"{root}learn?lesson=3").status == 403
    page.get_by_role("heading", name="This dashboard needs its token").wait_for()
    assert sockets == []
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("link", name="Lessons").wait_for()
    settle(page)
    assert "lesson=3" in page.url and "token" not in page.url
    context.close()


class _Link(http.server.BaseHTTPRequestHandler):
    target = ""

    def do_GET(self) -> None:
        body = f'<a href="{self.target}">a lesson</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_copied_link_on_another_site_opens_for_who_is_signed_in(browser: Any, printed: str) -> None:
    root, _, _ = printed.partition("?token=")
    _Link.target = f"{root}learn?lesson=2"  # 127.0.0.1; the page with the link is on localhost, which is another site
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Link)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        for signed_in in (False, True):
            context = browser.new_context()
            page = context.new_page()
            if signed_in:
                page.goto(printed)
                settle(page)
            page.goto(f"http://localhost:{other.server_address[1]}/")
            page.get_by_role("link").click()
            role, name = ("link", "Lessons") if signed_in else ("heading", "This dashboard needs its token")
            page.get_by_role(role, name=name).wait_for()
            context.close()
    finally:
        other.shutdown()
        other.server_close()
