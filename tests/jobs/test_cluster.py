"""Which Ray cluster receives the token: the configured one or a confirmed one, encrypted or within this machine, the
token of now."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from obce_core.errors import BadInput, Offline
from obce_core.jobs import create_run, list_runs
from obce_core.jobs.launchers.ray_cluster import check_address, client, needs_confirmation, public_address
from obce_core.jobs.status import Status
from obce_core.settings import ray_token

SECRET = "made-up-token"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the test no token and no address of whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (
        "RAY_AUTH_MODE",
        "RAY_AUTH_TOKEN",
        "RAY_AUTH_TOKEN_PATH",
        "RAY_ADDRESS",
        "OBCE_RAY_ADDRESS",
        "RAY_API_SERVER_ADDRESS",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RAY_AUTH_TOKEN", SECRET)
    return SECRET


class FakeCluster:
    """A server that speaks as much of Ray's Job API as the client asks for, and remembers who asked what with which
    token."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str | None]] = []
        self.valid: str | None = None
        self.redirect = ""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                given = self.headers.get("Authorization")
                fake.seen.append((self.command, self.path, given))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                refused = fake.valid is not None and given != f"Bearer {fake.valid}"
                known = self.path == "/api/version" or self.command == "POST"
                body = json.dumps(
                    {"submission_id": "x", "job_id": "x"} if self.command == "POST" else {"ray_version": "99.0"}
                ).encode()
                self.send_response(302 if fake.redirect else 403 if refused else 200 if known else 404)
                if fake.redirect:
                    self.send_header("Location", fake.redirect)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def tokens(self) -> list[str | None]:
        return [given for _, _, given in self.seen]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'obce[ray]'")
    cluster = FakeCluster()
    yield cluster
    cluster.close()


@pytest.fixture
def other() -> Iterator[FakeCluster]:
    cluster = FakeCluster()
    yield cluster
    cluster.close()


PUBLIC = [
    ("http://127.0.0.1:8265/", "http://127.0.0.1:8265"),
    ("https://user:pw@ray.example:8265/x?y=z#t", "https://ray.example:8265"),
    ("https://[::1]:8265", "https://[::1]:8265"),
    ("https://ray.example", "https://ray.example"),
    ("user:pw@ray.example", ""),
    ("http://host:port", ""),
    ("", ""),
    (None, ""),
    ("http://", ""),
]


@pytest.mark.parametrize(("address", "shown"), PUBLIC)
def test_what_is_shown_of_an_address_holds_no_secret(address: str | None, shown: str) -> None:
    assert public_address(address) == shown


@pytest.mark.parametrize(
    "address", ["https://user:pw@ray.example:8265", "http://user@127.0.0.1:8265", "https://:pw@ray.example"]
)
def test_credentials_in_an_address_are_refused_and_not_repeated(address: str, token: str, cache: Path) -> None:
    with pytest.raises(BadInput, match="holds a user or a password") as caught:
        check_address(address, confirmed=True)
    assert "pw" not in str(caught.value) and "user@" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://a b",
        "ftp://ray.example",
        "ray://ray.example:10001",
        "auto",
        "http://host:x",
        "http://[bad",
        "http://*x*",
    ],
)
def test_what_is_not_an_address_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="is not an address of a Ray cluster"):
        check_address(address)


@pytest.mark.parametrize("address", ["https://ray.example/x", "https://ray.example?token=1", "https://ray.example#x"])
def test_a_path_or_a_query_is_refused(address: str, token: str) -> None:
    with pytest.raises(BadInput, match="has a path or a query"):
        check_address(address, confirmed=True)


@pytest.mark.parametrize("configured", ["OBCE_RAY_ADDRESS", "RAY_ADDRESS"])
def test_the_token_goes_to_the_configured_address_or_after_a_confirmation(
    configured: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(configured, "https://ray.example:8265/")
    assert check_address("https://ray.example:8265") == "https://ray.example:8265"
    for address in (
        "https://evil.example:8265",
        "https://ray.example:9999",
        "https://ray.example.evil.example:8265",
        "http://127.0.0.1:8265",
    ):
        assert needs_confirmation(address)
        with pytest.raises(BadInput, match="is not the configured Ray cluster") as caught:
            check_address(address)
        assert f"OBCE_RAY_ADDRESS={address}" in str(caught.value)
        assert check_address(address, confirmed=True) == address


def test_plain_http_to_another_machine_is_refused_whatever_was_confirmed(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBCE_RAY_ADDRESS", "http://ray.example:8265")
    for address in (
        "http://ray.example:8265",
        "http://10.0.0.7:8265",
        "http://localhost.evil.example:8265",
        "http://127.0.0.1.evil.example",
    ):
        with pytest.raises(BadInput, match="is plain http to another machine"):
            check_address(address, confirmed=True)
    for address in ("http://localhost:8265", "http://127.0.0.1:8265", "http://127.0.0.2:8265", "http://[::1]:8265"):
        assert check_address(address, confirmed=True) == address


def test_without_a_token_there_is_nothing_to_confirm_on_this_machine() -> None:
    assert check_address("http://127.0.0.1:8265") == "http://127.0.0.1:8265"
    with pytest.raises(BadInput, match="no token was set"):
        check_address("https://ray.example:8265", confirmed=True)


def test_the_token_is_read_where_ray_looks_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ray_token() is None
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("from-home\n")
    assert ray_token() == "from-home"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "file"))
    with pytest.raises(BadInput, match=r"RAY_AUTH_TOKEN_PATH names .*file, which cannot be read"):
        ray_token()
    (tmp_path / "file").write_text(" from-file \n")
    assert ray_token() == "from-file"
    (tmp_path / "file").write_text("newer\n")
    assert ray_token() == "newer"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "from-variable")
    assert ray_token() == "from-variable"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert ray_token() is None


def test_a_client_sends_the_token_of_now_and_not_the_first_one(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    for value in ("first", "second"):
        path.write_text(value)
        fake.valid = value
        made = client(fake.address)
        made.submit_job(entrypoint="true", submission_id="x")
    path.write_text("third")  # the cluster was started anew while a client lives
    fake.valid = "third"
    made.submit_job(entrypoint="true", submission_id="x")
    assert list(dict.fromkeys(fake.tokens)) == ["Bearer first", "Bearer second", "Bearer third"]
    fake.valid = "fourth"
    with pytest.raises(Offline, match="the token the same"):
        client(fake.address)


def test_a_client_asks_its_own_address_whatever_ray_address_says(
    fake: FakeCluster, other: FakeCluster, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, other.address)
    client(fake.address).submit_job(entrypoint="true", submission_id="x")
    assert ("POST", "/api/jobs/", f"Bearer {SECRET}") in fake.seen and other.seen == []


def test_the_token_does_not_follow_a_redirect_and_netrc_does_not_replace_it(
    fake: FakeCluster, other: FakeCluster, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client(fake.address)
    assert set(fake.tokens) == {f"Bearer {SECRET}"}
    fake.redirect = f"{other.address}/api/version"
    with pytest.raises(Offline):
        client(fake.address)
    assert other.seen == []


def test_without_a_token_no_header_is_sent(fake: FakeCluster) -> None:
    client(fake.address)
    assert set(fake.tokens) == {None}


def test_a_launcher_stores_no_secret_and_asks_only_who_may_hear_the_token(
    fake: FakeCluster, token: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obce_core.jobs.launchers.ray import RayLauncher

    for address in (fake.address, fake.address.replace("127", "user:pw@127")):
        with pytest.raises(BadInput):
            RayLauncher(address).submit("drill", {"steps": 1})
    assert fake.seen == [] and list_runs() == []
    run = RayLauncher(fake.address, confirmed=True).submit("drill", {"steps": 1}, "run-confirmed")
    stored = run.stored()
    assert stored is not None and stored.launch["address"] == fake.address and stored.launch["confirmed"] is True
    assert SECRET not in "".join(path.read_text("utf-8", "replace") for path in cache.rglob("*") if path.is_file())
    fake.seen.clear()
    RayLauncher().probe(run)  # another launcher, such as a page's: the run remembers the confirmation
    assert fake.seen != []


@pytest.mark.parametrize("confirmed", [None, False, "yes", 1])
def test_an_address_in_a_runs_folder_receives_no_token_unless_it_was_confirmed(
    fake: FakeCluster, token: str, confirmed: object, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obce_core.jobs.launchers.ray import RayLauncher

    launch = {"address": fake.address, "cpus": 1.0, "gpus": 0.0, "python": "python"} | (
        {} if confirmed is None else {"confirmed": confirmed}
    )
    run, _ = create_run("drill", {}, "run-planted", launcher="ray", launch=launch)
    run.write_status(Status(state="running", started=1.0, launcher="ray", launch=launch))
    status = RayLauncher().probe(run)
    assert fake.seen == [] and "is not the configured Ray cluster" in status.reason
    monkeypatch.setenv("OBCE_RAY_ADDRESS", fake.address)
    RayLauncher().probe(run)
    assert set(fake.tokens) == {f"Bearer {SECRET}"}


def test_the_command_line_does_not_send_the_token_to_a_typed_address_unasked(
    fake: FakeCluster, token: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], cache: Path
) -> None:
    from obce_core.cli import cluster as confirmation
    from obce_core.cli import main

    command = ["runs", "drill", "--launcher", "ray", "--address", fake.address, "--steps", "1"]
    assert main(command) == 2  # nobody to ask
    assert "is not the configured Ray cluster" in capfd.readouterr().err and fake.seen == []

    class Terminal:
        def isatty(self) -> bool:
            return True

    asked: list[str] = []
    monkeypatch.setattr(confirmation, "sys", type("sys", (), {"stdin": Terminal(), "stderr": Terminal()}))
    for answer, code in ((False, 130), (True, 0)):
        monkeypatch.setattr(
            confirmation.typer, "confirm", lambda text, answer=answer, **_: asked.append(text) or answer
        )
        assert main(command) == code
        assert bool(fake.seen) is answer
    assert asked == [f"Send the Ray token of this account to {fake.address}?"] * 2
