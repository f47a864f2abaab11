"""The door in front of every route: who passes, who gets the light page, and what each answer holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from obce_core.access.door import Door
from obce_core.access.policy import Policy, check_host, check_names
from obce_core.errors import BadInput

POLICY = Policy(port=8501, token="tOkEn-" * 8, cookie="cOoKiE-" * 7)  # fixed: names of tests are made of them
HOST = (b"host", b"127.0.0.1:8501")
COOKIE = (b"cookie", f"other=1; obce-8501={POLICY.cookie}".encode())
HTML = (b"accept", b"text/html,application/xhtml+xml")


@dataclass
class Answer:
    """What came back; `reached` holds the scopes that the app behind the door saw."""

    reached: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.sent[0].get("status", 0))

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    def header(self, name: str) -> str | None:
        found = [value.decode() for key, value in self.sent[0].get("headers", ()) if key.decode() == name]
        return found[0] if found else None


def ask(
    path: str = "/",
    *headers: tuple[bytes, bytes],
    query: str = "",
    method: str = "GET",
    kind: str = "http",
    policy: Policy = POLICY,
    scheme: str = "http",
) -> Answer:
    answer = Answer()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        answer.reached.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"inside"})

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        answer.sent.append(dict(message))

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": list(headers),
        "scheme": scheme,
    }
    asyncio.run(Door(app, policy)(scope, receive, send))
    return answer


ROUTES = (
    "/",
    "/plan",
    "/_stcore/stream",
    "/_stcore/host-config",
    "/_stcore/upload_file/a/b",
    "/media/abc.csv",
    "/static/js/index.js",
    "/component/x",
    "/_stcore/bidi-components/x",
    "/_stcore/metrics",
    "/_stcore/agent/openapi.json",
    "/oauth2callback",
    "/app/static/x",
)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_without_token_or_cookie_no_route_is_reached(path: str, method: str) -> None:
    answer = ask(path, HOST, HTML, method=method)
    assert answer.status == 403 and answer.reached == []
    assert POLICY.token not in str(answer.sent) and POLICY.cookie not in str(answer.sent)


WRONG = [
    "",
    "obce-8501=",
    "obce-8501=wrong",
    "obce-8502=RIGHT",
    "xobce-8501=RIGHT",
    "obce-8501=RIGHT2",
    "obce-8501=\xe9",
]


@pytest.mark.parametrize("cookie", WRONG)
def test_a_wrong_cookie_is_not_enough(cookie: str) -> None:
    header = (b"cookie", cookie.replace("RIGHT", POLICY.cookie).encode("latin-1"))
    assert ask("/", HOST, HTML, header).status == 403
    assert ask("/_stcore/stream", HOST, header, kind="websocket").sent == [
        {"type": "websocket.close", "code": 1008, "reason": "forbidden"}
    ]


def test_the_token_is_not_the_cookie_and_both_are_new_at_each_launch() -> None:
    one, other = Policy(), Policy()
    assert len({one.token, one.cookie, other.token, other.cookie}) == 4
    assert len(one.token) >= 43 and one.token not in repr(one) and one.cookie not in repr(one)
    assert ask("/", HOST, HTML, (b"cookie", f"obce-8501={POLICY.token}".encode())).status == 403
    assert ask("/", HOST, HTML, (b"cookie", f"obce-8501={other.cookie}".encode())).status == 403


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_cookie_opens_every_route(kind: str) -> None:
    for path in ROUTES:
        assert len(ask(path, HOST, COOKIE, kind=kind).reached) == 1


def test_the_token_becomes_a_cookie_and_leaves_the_address() -> None:
    answer = ask("/plan", HOST, HTML, query=f"analysis=ab%26c&token={POLICY.token}&layer=")
    assert answer.status == 200 and answer.reached == []
    assert answer.header("set-cookie") == f"obce-8501={POLICY.cookie}; Path=/; HttpOnly; SameSite=Strict"
    assert 'location.replace("/plan?analysis=ab%26c&layer=")' in answer.body
    assert POLICY.token not in str(answer.sent)
    assert (answer.header("cache-control"), answer.header("referrer-policy")) == ("no-store", "no-referrer")


def test_behind_tls_the_cookie_is_secure() -> None:
    assert str(ask("/", HOST, query=f"token={POLICY.token}", scheme="https").header("set-cookie")).endswith("; Secure")


@pytest.mark.parametrize("token", ["", "another-one", "ä", POLICY.token[:-1], POLICY.token + "x", POLICY.cookie])
def test_a_wrong_token_gets_the_light_page_and_is_not_repeated(token: str) -> None:
    answer = ask("/plan", HOST, HTML, query=f"token={token}&layer=3")
    assert answer.status == 403 and answer.header("set-cookie") is None
    assert "does not belong to the running dashboard" in answer.body and 'name="layer" value="3"' in answer.body
    assert not token or token not in answer.body


def test_an_old_link_with_a_token_opens_for_who_is_signed_in_and_the_token_goes() -> None:
    answer = ask("/plan", HOST, COOKIE, HTML, query="token=old&layer=3")
    assert answer.status == 200 and 'location.replace("/plan?layer=3")' in answer.body


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "/\\evil.example", "///evil.example", '/"></script><script>alert(1)']
)
def test_an_address_leads_nowhere_else_and_becomes_no_markup(path: str) -> None:
    for query in (f"token={POLICY.token}", f"token={POLICY.token}&a=%22%3E%3C/script%3E"):
        body = ask(path, HOST, HTML, query=query).body
        target = body.split('location.replace("')[1].split('"')[0]
        assert target.startswith("/") and not target.startswith(("//", "/\\"))
        assert body.count("<script>") == 1 and body.count("</script>") == 1
    assert "<script" not in ask(path, HOST, HTML, query="a=%22%3E%3Cscript%3E&token=x").body


def test_the_light_page_keeps_the_address_and_needs_no_other_file() -> None:
    body = ask("/neuron", HOST, HTML, query="layer=3&neuron=7").body
    assert 'action="/neuron"' in body and 'name="layer" value="3"' in body and "obce app" in body
    assert "src=" not in body and "http" not in body.replace("http-equiv", "")


def test_who_wants_no_page_gets_a_line() -> None:
    answer = ask("/media/abc.csv", HOST, (b"accept", b"*/*"))
    assert answer.body == "The token is missing. Open the address that obce app printed.\n"
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert ask("/x.js", HOST, HTML, (b"sec-fetch-dest", b"script")).body == answer.body


def test_a_link_on_another_site_is_taken_up_by_a_page_of_our_own() -> None:
    """A strict cookie is not sent with the first request of such a visit; the second one is our own page's."""
    first = ask(
        "/plan", HOST, HTML, (b"sec-fetch-site", b"cross-site"), (b"sec-fetch-dest", b"document"), query="layer=3"
    )
    assert first.status == 200 and first.reached == [] and 'location.replace("/plan?layer=3")' in first.body
    second = ask(
        "/plan", HOST, HTML, (b"sec-fetch-site", b"same-origin"), (b"sec-fetch-dest", b"document"), query="layer=3"
    )
    assert second.status == 403  # no cookie: no loop
    assert ask("/plan", HOST, HTML, (b"sec-fetch-site", b"cross-site"), (b"sec-fetch-dest", b"iframe")).status == 403


def test_the_health_of_the_server_is_no_secret() -> None:
    assert ask("/_stcore/health", HOST).status == 200
    assert ask("/_stcore/health", HOST, method="POST").status == 403
    assert ask("/_stcore/health/x", HOST).status == 403


HOSTS = [
    (Policy(), "127.0.0.1:8501", True),
    (Policy(), "localhost", True),
    (Policy(), "LOCALHOST.:8501", True),
    (Policy(), "[::1]:8501", True),
    (Policy(), "evil.example", False),
    (Policy(), "evil.example:8501", False),
    (Policy(), "10.0.0.5:8501", False),
    (Policy(), "127.0.0.1.evil.example", False),
    (Policy(), "127.0.0.1@evil.example", False),
    (Policy(), "127.0.0.1:x", False),
    (Policy(), "127.0.0.1;script-src *", False),
    (Policy(), "127.0.0.1;x", False),
    (Policy(), "127.0.0.1:80 ", False),
    (Policy(), "", False),
    (Policy(), "127.0.0.1, evil.example", False),
    (Policy(), "localhost/evil", False),
    (Policy(names=("obce.example.org",)), "obce.example.org", True),
    (Policy(names=("obce.example.org",)), "OBCE.example.org:443", True),
    (Policy(names=("obce.example.org",)), "x.obce.example.org", False),
    (Policy(host="10.0.0.5"), "10.0.0.5:8501", True),
    (Policy(host="10.0.0.5"), "10.0.0.6:8501", False),
    (Policy(host="0.0.0.0"), "10.0.0.6:8501", True),
    (Policy(host="0.0.0.0"), "evil.example", False),
    (Policy(host="::"), "[fe80::1]:8501", True),
]


@pytest.mark.parametrize(("policy", "host", "allowed"), HOSTS)
def test_only_known_host_names_pass_also_without_a_token(policy: Policy, host: str, allowed: bool) -> None:
    for kind in ("http", "websocket"):
        for each in (policy, Policy(host=policy.host, names=policy.names, needs_token=False)):
            cookie = (b"cookie", f"obce-8501={each.cookie}".encode())
            assert bool(ask("/", (b"host", host.encode()), cookie, kind=kind, policy=each).reached) is allowed


def test_a_request_without_a_host_or_with_two_is_refused() -> None:
    assert ask("/", COOKIE).status == 403
    assert ask("/", HOST, (b"host", b"evil.example"), COOKIE).status == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9999", "http://localhost:8501", "https://evil.example", "null"])
def test_a_page_of_another_origin_reaches_nothing_even_with_the_cookie(origin: str) -> None:
    for policy in (POLICY, Policy(needs_token=False)):
        cookie = (b"cookie", f"obce-8501={policy.cookie}".encode())
        header = (b"origin", origin.encode())
        assert ask("/_stcore/stream", HOST, cookie, header, kind="websocket", policy=policy).reached == []
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert ask("/_stcore/upload_file/a/b", HOST, cookie, header, method=method, policy=policy).reached == []
    assert ask("/_stcore/stream", HOST, COOKIE, (b"origin", b"http://127.0.0.1:8501"), kind="websocket").reached


def test_without_a_token_everybody_passes_and_a_token_in_the_address_goes() -> None:
    policy = Policy(needs_token=False)
    assert ask("/", HOST, policy=policy).reached
    assert ask("/_stcore/stream", HOST, kind="websocket", policy=policy).reached
    assert 'location.replace("/plan")' in ask("/plan", HOST, query="token=x", policy=policy).body


def test_the_answers_of_the_app_carry_the_security_headers() -> None:
    answer = ask("/", HOST, COOKIE)
    assert answer.header("x-content-type-options") == "nosniff"
    policy = str(answer.header("content-security-policy"))
    assert (
        "frame-ancestors 'self'" in policy and "connect-src 'self' ws://127.0.0.1:8501 wss://127.0.0.1:8501 " in policy
    )
    assert "http:" not in policy and "*" not in policy
    assert answer.header("content-type") == "text/plain"


@pytest.mark.parametrize(
    ("given", "bound"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("0.0.0.0",) * 2, ("[::]", "::")]
)
def test_an_address_to_listen_on(given: str, bound: str) -> None:
    assert check_host(given) == bound


@pytest.mark.parametrize("host", ["", "example.org", "*", "127.0.0.1:80", "http://127.0.0.1", "300.1.1.1"])
def test_what_is_not_an_address_is_refused(host: str) -> None:
    with pytest.raises(BadInput, match="is not an IP address"):
        check_host(host)


@pytest.mark.parametrize(
    "name", ["", "*", "*.example.org", "https://example.org", "example.org:443", "a b", "a/b", "user@example.org"]
)
def test_what_is_not_a_host_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is not a host name"):
        check_names([name])


def test_host_names_are_compared_in_lower_case() -> None:
    assert check_names(["Obce.Example.org."]) == ("obce.example.org",)
