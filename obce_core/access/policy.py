"""The access policy of one launch: address, port, token, cookie and allowed host names."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from obce_core.errors import BadInput, shorten

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules of one launch; token and cookie are new each time.

    Attributes:
        host: the address that the server binds, an IP address.
        port: its port.
        names: Host names that are accepted besides the loopback names and `host`, in lower case.
        needs_token: False serves everybody who reaches the port.
    """

    host: str = "127.0.0.1"
    port: int = 8501
    names: tuple[str, ...] = ()
    needs_token: bool = True
    token: str = field(default_factory=_secret, repr=False)
    cookie: str = field(default_factory=_secret, repr=False)

    @property
    def cookie_name(self) -> str:
        """Cookies ignore ports; the name keeps two dashboards of one host apart."""
        return f"obce-{self.port}"

    @property
    def is_local(self) -> bool:
        """Return True if only this machine reaches the server."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def is_wildcard(self) -> bool:
        """Return True if the server listens on every address of the machine."""
        return ipaddress.ip_address(self.host).is_unspecified

    def address(self, *, token: bool = True) -> str:
        """Return the address to open, with the token unless there is none or `token` is False."""
        host = "127.0.0.1" if self.is_wildcard else self.host
        visible = f"[{host}]" if ":" in host else host
        query = f"?{urlencode({'token': self.token})}" if self.needs_token and token else ""
        return f"http://{visible}:{self.port}/{query}"

    def is_host_allowed(self, header: str | None) -> bool:
        """Return True if a Host header names this server.

        A foreign name may be one that an attacker's DNS points here (DNS rebinding). An IP address cannot be rebound,
        so a server on all addresses accepts each of them.
        """
        name = host_name(header)
        if name is None:
            return False
        if name in LOOPBACK_NAMES or name in self.names or name == self.host:
            return True
        return self.is_wildcard and _is_ip(name)


def check_host(host: str) -> str:
    """Return the IP address to bind, for `localhost` 127.0.0.1; raise BadInput for anything else."""
    value = host.strip().strip("[]")
    if value.lower() == "localhost":
        return "127.0.0.1"
    if not _is_ip(value):
        raise BadInput(
            f"--host {shorten(host)!r} is not an IP address.",
            hint="Give an address of this machine, or 0.0.0.0 for all of them; names that visitors type go into "
            "--allow-host.",
        )
    return str(ipaddress.ip_address(value))


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return host names in lower case; raise BadInput for one with a scheme, a port or another impossible part."""
    results = []
    for name in names:
        value = name.strip().lower().rstrip(".")
        if not value or "*" in value or host_name(value) != value:
            raise BadInput(
                f"--allow-host {shorten(name)!r} is not a host name.",
                hint="Give the name alone, such as obce.example.org.",
            )
        results.append(value)
    return tuple(results)


def host_name(header: str | None) -> str | None:
    """Return the name in a Host header without its port, in lower case; None where it is missing or malformed."""
    if not header or any(c in header for c in "/?#@\\") or any(c.isspace() for c in header):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        return None
    return parts.hostname.lower().rstrip(".") if parts.hostname else None


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
