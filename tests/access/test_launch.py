"""`obce app` as it is started: what is printed, what it listens on, what it hides, what its server answers."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from obce_core.access import Policy, launch
from obce_core.access.launch import announcement, open_in_browser
from obce_core.cli import main
from tests.browsing import free_port, started

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = {
    "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
    "STREAMLIT_SERVER_PORT": "1",
    "STREAMLIT_SERVER_ALLOWED_HOSTS": "*",
    "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
    "STREAMLIT_SERVER_ENABLE_CORS": "false",
    "STREAMLIT_SERVER_BASE_URL_PATH": "elsewhere",
    "STREAMLIT_SERVER_ENABLE_AGENT_API": "true",
    "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full",
    "STREAMLIT_GLOBAL_DEVELOPMENT_MODE": "true",
}
"""Variables that would open the server to others, or break it."""


class Server:
    """A dashboard at work: its printed lines, its process, and requests to it."""

    def __init__(self, lines: str, process: subprocess.Popen[bytes]) -> None:
        self.lines, self.process = lines, process
        (self.address,) = re.findall(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+", lines)
        self.port = int(str(urlsplit(self.address).port))
        self.token = self.address.partition("token=")[2]

    def ask(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Accept": "text/html", **headers})
        answer = connection.getresponse()
        found = (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode("utf-8", "replace"),
        )
        connection.close()
        return found

    def sign_in(self) -> str:
        _, headers, _ = self.ask(f"/?token={self.token}")
        return headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "obce_core.cli", "app", "--port", "PORT"]
    with started(command, home / "cache", environment=HOSTILE) as (port, process, log):
        assert str(port) in log.read_text()
        yield Server(log.read_text(), process)


def test_without_the_token_nothing_but_the_light_page(server: Server) -> None:
    status, _, body = server.ask("/plan?layer=3")
    assert status == 403 and "This dashboard needs its token" in body
    for path in (
        "/static/js/index.js",
        "/_stcore/host-config",
        "/media/x",
        "/_stcore/agent/openapi.json",
        "/_stcore/metrics",
    ):
        assert server.ask(path)[0] == 403
    assert server.ask("/_stcore/health")[::2] == (200, "ok")


def test_the_token_opens_the_dashboard_and_its_websocket(server: Server) -> None:
    cookie = server.sign_in()
    assert cookie.startswith(f"obce-{server.port}=") and server.token not in cookie
    status, headers, body = server.ask("/", Cookie=cookie)
    assert status == 200 and "<title>" in body and headers["x-content-type-options"] == "nosniff"
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="}
    assert server.ask("/_stcore/stream", **upgrade)[0] == 403
    assert server.ask("/_stcore/stream", **upgrade, Cookie=cookie, Origin="http://127.0.0.1:1")[0] == 403
    assert server.ask("/_stcore/stream", **upgrade, Cookie=cookie, Host="rebound.example")[0] == 403
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        lines = {"Host": f"127.0.0.1:{server.port}", "Cookie": cookie, "Sec-WebSocket-Protocol": "streamlit", **upgrade}
        raw.sendall(
            b"GET /_stcore/stream HTTP/1.1\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in lines.items()) + b"\r\n"
        )
        assert raw.recv(12) == b"HTTP/1.1 101"


def test_a_foreign_host_name_is_refused(server: Server) -> None:
    status, _, body = server.ask("/", Host="rebound.example", Cookie=server.sign_in())
    assert status == 403 and "--allow-host" in body


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_token_stands_in_no_argument_and_no_variable(server: Server) -> None:
    home = Path("/proc") / str(server.process.pid)
    told = (home / "cmdline").read_bytes() + (home / "environ").read_bytes()
    assert b"serve.py" in told  # the server itself, not a parent
    assert server.token.encode() not in told
    assert b"STREAMLIT_" not in told


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_it_listens_on_this_machine_only_whatever_streamlits_variables_say(server: Server) -> None:
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    heard = [
        row[1].rpartition(":")[0]
        for row in rows
        if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == server.port
    ]
    assert heard == ["0100007F"]  # 127.0.0.1


def test_a_port_in_use_is_said_in_one_line(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["app", "--port", str(server.port)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and f"cannot listen on 127.0.0.1 port {server.port}" in lines[0] and "--port" in lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--host", "example.org"), "--host 'example.org'"), (("--allow-host", "http://x"), "--allow-host 'http://x'")],
)
def test_a_wrong_address_is_said_in_one_line(
    words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["app", "--port", str(free_port()), *words]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0]


def test_every_lowered_protection_is_said() -> None:
    plain = announcement(Policy())
    assert "WARNING" not in plain and "token=" in plain
    assert "every account on this machine can start jobs and read files as" in announcement(Policy(needs_token=False))
    everywhere = announcement(Policy(host="0.0.0.0"))
    assert (
        "listening on all addresses without encryption" in everywhere and "http://127.0.0.1:8501/?token=" in everywhere
    )
    assert "Other machines open it by an address of this one, port 8501" in everywhere
    assert "everybody who reaches port 8501" in announcement(Policy(host="::", needs_token=False))
    assert "Read-only" in announcement(Policy(), read_only=True)
    assert "http://[fe80::1]:8501/?token=" in announcement(Policy(host="fe80::1"))


def test_the_browser_is_opened_without_the_token_as_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(launch.webbrowser, "open", lambda url: opened.append(url) or True)
    policy = Policy()
    open_in_browser(policy)
    (url,) = opened
    path = Path(urlsplit(url).path)
    try:
        assert urlsplit(url).scheme == "file" and policy.token not in url
        assert policy.address() in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    finally:
        path.unlink()
    open_in_browser(Policy(needs_token=False))
    assert opened[1] == "http://127.0.0.1:8501/"


def test_the_options_win_over_the_shipped_file() -> None:
    """What config.toml says for `streamlit run` is what the server is told; nothing of [server] is left to a
    variable."""
    sys.path.insert(0, str(ROOT))
    from pages._shared.serve import options

    told = options(Policy())
    for section, values in tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text()).items():
        for name, value in values.items() if section in ("server", "browser", "client") else ():
            if name != "allowedHosts":
                assert told[f"{section}.{name}"] == value, name
    assert set(told["server.allowedHosts"]) == {"localhost", "127.0.0.1", "::1"}
    assert options(Policy(host="0.0.0.0"))["server.allowedHosts"] == ["*"]  # the door checks names before
    assert "x.example" in options(Policy(names=("x.example",)))["server.allowedHosts"]


def test_the_roots_of_the_server_are_those_of_the_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from obce_core.cli.app import server_environment

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OBCE_ROOTS")
    assert server_environment()["OBCE_ROOTS"] == os.pathsep.join([str(tmp_path / "home"), str(tmp_path)])
    monkeypatch.setenv("OBCE_ROOTS", f"data{os.pathsep}~/models")
    assert server_environment()["OBCE_ROOTS"] == os.pathsep.join(
        [str(tmp_path / "data"), str(tmp_path / "home" / "models")]
    )
