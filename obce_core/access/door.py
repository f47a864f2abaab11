"""ASGI middleware that controls access to every route of the dashboard, including its websocket.

A request passes if its Host is allowed and, unless the launch has no token, if it carries the session cookie. The
cookie is given in exchange for the token in the address; the answer leads to the same address without it. Everything
else gets a light page or a line of text, and reaches no route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from obce_core.access.page import entry_page, hop_page
from obce_core.access.policy import Policy

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEALTH = "/_stcore/health"
"""Says `ok` and nothing else; a proxy or a container asks it without a token."""

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; "
    "connect-src 'self' ws://{host} wss://{host} data: blob:; "
    "worker-src 'self' blob:; frame-src 'self' blob: data:; frame-ancestors 'self'; object-src 'none'; base-uri "
    "'self'; form-action 'self'"
)
"""Streamlit and Plotly need inline scripts and styles; nothing is loaded from, or sent to, another server. Not every
browser counts a websocket of the same host as 'self'."""

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Door:
    """Let requests through to an ASGI app according to a policy.

    Args:
        app: the ASGI app behind the door.
        policy: the rules of this launch.
    """

    def __init__(self, app: App, policy: Policy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._policy.is_host_allowed(_header(scope, b"host")) and _is_same_origin(scope) and self._is_known(scope):
            await self._app(scope, receive, send)
            return
        await receive()  # websocket.connect
        await send(
            {"type": "websocket.close", "code": 1008, "reason": "forbidden"}
        )  # before accept: the server answers 403

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._policy.is_host_allowed(_header(scope, b"host")):
            await _answer(
                send, 403, "This Host name is not allowed. Open the printed address, or start with --allow-host NAME.\n"
            )
            return
        method, path = scope["method"], scope["path"]
        if not _is_same_origin(scope):
            await _answer(
                send, 403, "A request from another site is not allowed. A proxy must pass the Host header on.\n"
            )
            return
        given, rest = _split_token(scope)
        if given is not None and method == "GET":
            await self._exchange(scope, send, given, rest)
        elif self._is_known(scope) or (path == _HEALTH and method in {"GET", "HEAD"}):
            await self._app(scope, receive, _with_headers(send, str(_header(scope, b"host"))))
        elif method == "GET" and _wants_page(scope):
            if _came_from_another_site(
                scope
            ):  # a strict cookie stays at home on the first step of such a visit, not on the second
                await _answer(send, 200, hop_page(_target(path, rest)), html=True)
            else:
                await _answer(send, 403, entry_page(_path(path), rest), html=True)
        else:
            await _answer(send, 403, "The token is missing. Open the address that obce app printed.\n")

    async def _exchange(self, scope: Scope, send: Send, token: str, rest: list[tuple[str, str]]) -> None:
        """Give the cookie for the right token, and lead on to the same address without the token."""
        path = scope["path"]
        if self._policy.needs_token and compare_digest(token.encode(), self._policy.token.encode()):
            cookie = f"{self._policy.cookie_name}={self._policy.cookie}; Path=/; HttpOnly; SameSite=Strict"
            cookie += "; Secure" if scope.get("scheme") == "https" else ""
            await _answer(send, 200, hop_page(_target(path, rest)), html=True, cookie=cookie)
        elif self._is_known(scope):
            await _answer(send, 200, hop_page(_target(path, rest)), html=True)
        else:
            await _answer(send, 403, entry_page(_path(path), rest, wrong=True), html=True)

    def _is_known(self, scope: Scope) -> bool:
        """Return True if a request may pass: it carries the cookie of this launch, or none is needed."""
        if not self._policy.needs_token:
            return True
        pairs = (pair.strip().partition("=") for line in _headers(scope, b"cookie") for pair in line.split(";"))
        values = [value for name, _, value in pairs if name == self._policy.cookie_name]
        return any(compare_digest(value.encode(), self._policy.cookie.encode()) for value in values)


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _header(scope: Scope, name: bytes) -> str | None:
    """Return a header that must stand once; None where it is missing or repeated."""
    header_values = _headers(scope, name)
    return header_values[0] if len(header_values) == 1 else None


def _is_same_origin(scope: Scope) -> bool:
    """Return True unless a browser says that a page of another origin asks, such as another port of this machine."""
    origins = _headers(scope, b"origin")
    return all(urlsplit(origin).netloc.lower() == (_header(scope, b"host") or "").lower() for origin in origins)


def _split_token(scope: Scope) -> tuple[str | None, list[tuple[str, str]]]:
    """Return the token of an address (None: it has none) and its other parameters."""
    query = scope.get("query_string", b"").decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "token"]
    return (tokens[0] if tokens else None), [(name, value) for name, value in pairs if name != "token"]


def _wants_page(scope: Scope) -> bool:
    """Return True if a browser opens an address; scripts, pictures and downloads of a page do not ask for HTML."""
    destination = _header(scope, b"sec-fetch-dest")
    return destination == "document" if destination else "text/html" in (_header(scope, b"accept") or "")


def _came_from_another_site(scope: Scope) -> bool:
    return _header(scope, b"sec-fetch-site") == "cross-site"


def _path(path: str) -> str:
    """Quote a path so that it stays on this server: `//host` would lead to another one."""
    return "/" + quote(path.lstrip("/\\"), safe="/-._~")


def _target(path: str, rest: list[tuple[str, str]]) -> str:
    return _path(path) + (f"?{urlencode(rest)}" if rest else "")


def _with_headers(send: Send, host: str) -> Send:
    """Add the security headers to an answer of the app, unless the app sets them itself; `host` was checked."""
    headers = (*_HEADERS, (b"content-security-policy", _POLICY.format(host=host).encode()))

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [header for header in headers if header[0] not in present]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, body: str, *, html: bool = False, cookie: str = "") -> None:
    raw = body.encode()
    kind = b"text/html; charset=utf-8" if html else b"text/plain; charset=utf-8"
    own = dict(_HEADERS)
    if html:  # our own small pages: no file, no network, one inline script and style
        own[b"content-security-policy"] = (
            b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
    own |= {b"referrer-policy": b"no-referrer", b"content-type": kind, b"content-length": str(len(raw)).encode()}
    own[b"cache-control"] = b"no-store"
    headers = list(own.items()) + ([(b"set-cookie", cookie.encode())] if cookie else [])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})
