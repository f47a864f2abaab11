"""A Ray cluster: the addresses that may receive the token, and a client that sends the current token."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from obce_core.errors import BadInput, Offline, shorten
from obce_core.settings import ray_address, ray_token

_SECONDS = 30.0
"""Time for one answer of a cluster."""

_EXAMPLE = (
    "It looks like https://HOST:8265, or http://127.0.0.1:8265 for a cluster of this machine or the end of an "
    "ssh tunnel."
)


def public_address(address: object) -> str:
    """Return an address without user, password, path and query: what may be stored, shown and logged."""
    try:
        parts = urlsplit(str(address or "").strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    visible = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{visible}" + (f":{port}" if port else "")


def is_configured(address: str) -> bool:
    """Return True if OBCE_RAY_ADDRESS (or RAY_ADDRESS) names this address."""
    return bool(address) and public_address(address) == public_address(ray_address())


def check_address(address: str | None, *, confirmed: bool = False) -> str:
    """Return a cluster's address as it is stored, or raise BadInput.

    The token of this account goes to the configured address, or to one that a person confirmed by name, and in plain
    text only within this machine. Without a token only a cluster within this machine is used: others could start jobs
    there.

    Args:
        address: what was typed or stored.
        confirmed: a person confirmed that the token may go to this address.
    """
    if not address:
        raise BadInput("No Ray cluster was named.", hint="Give --address http://HOST:8265, or set OBCE_RAY_ADDRESS.")
    parts, public = _split(address), public_address(address)
    if parts is None or not public or parts.scheme not in {"http", "https"} or not _is_host(str(parts.hostname)):
        raise BadInput(
            f"{shorten(public) if public else 'What was given'} is not an address of a Ray cluster.", hint=_EXAMPLE
        )
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            f"The address of the Ray cluster {public} holds a user or a password, which is not used.",
            hint="Give it without them; the token is read from RAY_AUTH_TOKEN.",
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput(
            f"The address of the Ray cluster {public} has a path or a query, which is not used.", hint=_EXAMPLE
        )
    local = _is_loopback(str(parts.hostname))
    if parts.scheme == "http" and not local:
        raise BadInput(
            f"{public} is plain http to another machine: the token and the jobs could be read and changed on the way.",
            hint="Use https, or an ssh tunnel to 127.0.0.1.",
        )
    if not local and ray_token() is None:
        raise BadInput(
            f"{parts.hostname} can be reached by others, and no token was set: anybody could start jobs there.",
            hint="Start the cluster with RAY_AUTH_MODE=token and set RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) here too.",
        )
    if needs_confirmation(public) and not confirmed:
        raise BadInput(
            f"{public} is not the configured Ray cluster, so it does not receive the token.",
            hint=f"Set OBCE_RAY_ADDRESS={public}, or confirm the address where you typed it.",
        )
    return public


def needs_confirmation(address: str) -> bool:
    """Return True if there is a token and the address is not the configured one."""
    return ray_token() is not None and not is_configured(address)


def client(address: str) -> Any:
    """Return Ray's job client for a checked address; raise Offline if no cluster answers there."""
    try:
        client_ = _client_class()
    except ImportError:
        raise BadInput("Ray is not installed.", hint="pip install 'obce[ray]'") from None
    try:
        return client_(address)
    except Exception as error:  # requests' errors, and RuntimeError for a refused token
        raise Offline(
            f"No Ray cluster answers at {address}: {shorten(error, 200)}", hint="Is it started, and the token the same?"
        ) from None


@cache
def _client_class() -> type[Any]:
    """Return a job client that asks exactly the given address, with the token of now.

    Ray's own client sends everything to RAY_ADDRESS where that is set, whatever address it is given, keeps the first
    token that its process read, lets ~/.netrc replace it, and follows redirects.
    """
    import ray
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):  # type: ignore[misc, unused-ignore]
        def __init__(self, address: str) -> None:
            self._client_ray_version = ray.__version__
            placeholder = {"Authorization": ""}  # keeps Ray from reading and keeping a token
            super(JobSubmissionClient, self).__init__(address=address, headers=placeholder)
            self._headers: dict[str, str] = {}
            self._check_connection_and_version(min_version="2.2")

        def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
            fixed = {"auth": _with_token, "allow_redirects": False, "timeout": _SECONDS}
            answer = super()._do_request(method, endpoint, **{**options, **fixed})
            if answer.is_redirect:
                leads = public_address(answer.headers.get("Location"))
                raise ConnectionError(
                    f"the address redirects to {leads or 'another path'}; give the address of the cluster itself"
                )
            return answer

    return Client


def _with_token(request: Any) -> Any:
    """Put the token of now into a request; without one the header is absent."""
    request.headers.pop("Authorization", None)
    token = ray_token()
    if token is not None:
        request.headers["Authorization"] = f"Bearer {token}"
    return request


def _split(address: str) -> Any:
    try:
        parts = urlsplit(address.strip())
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_host(host: str) -> bool:
    """Return True for an IP address or a plain name; a label of a page may show it."""
    return ":" in host or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", host) is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
