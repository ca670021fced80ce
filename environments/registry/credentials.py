"""Proving to a registry who asks: its challenge, and the hosts that may see a password. Pure."""

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from environments.registry.known import may_send_to

CHALLENGE = re.compile(r"\s*(Bearer|Basic)\s+", re.IGNORECASE)
PARAMETER = re.compile(r"([A-Za-z_]+)=(?:\"([^\"]*)\"|([^\s,\"]+))")


@dataclass(frozen=True)
class Credentials:
    """A registry's account. Neither part is in its repr."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class Challenge(NamedTuple):
    """What a registry asks for with status 401. `scheme` is "bearer", "basic" or "" (nothing that we know)."""

    scheme: str
    realm: str = ""
    service: str = ""


def read_challenge(header: str) -> Challenge:
    """The challenge of a WWW-Authenticate header, bearer first where it offers both."""
    starts = [(m[1].lower(), m.end()) for m in CHALLENGE.finditer(header)]
    for wanted in ("bearer", "basic"):
        for scheme, start in starts:
            if scheme == wanted:
                given = {name.lower(): quoted or bare for name, quoted, bare in PARAMETER.findall(header[start:])}
                return Challenge(scheme, given.get("realm", ""), given.get("service", ""))
    return Challenge("")


class Trust(NamedTuple):
    """Where requests may go beside the registry itself.

    `plain_http`: hosts (or host:port) that may be spoken to without TLS, beside loopback. `hosts`: further hosts
    that a registry may send us to, for a token or for its content; * stands for any characters.
    """

    plain_http: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    def scheme(self, address: str) -> str:
        """ "http" or "https" for a host with or without a port."""
        host = host_of(address)
        plain = is_loopback(host) or host in self.plain_http or address in self.plain_http
        return "http" if plain else "https"

    def names(self, url: str) -> bool:
        """Whether an operator has named the URL's host, or its host and port."""
        address = _address(urlsplit(url))
        return not {host_of(address), address}.isdisjoint(self.plain_http) or self._lists(address)

    def allows(self, url: str, registry: str, *, content: bool = False) -> bool:
        """Whether the registry at that address may send us to the URL, for a token or for its content."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        secure = parts.scheme == "https" or (parts.scheme == "http" and self.scheme(_address(parts)) == "http")
        owner = host_of(registry)
        known = self._lists(_address(parts)) or _related(host, owner)
        return secure and (known or (content and may_send_to(owner, host))) and parts.username is None

    def _lists(self, address: str) -> bool:
        return any(fnmatchcase(name, pattern) for name in (host_of(address), address) for pattern in self.hosts)


def _address(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2].lower()


def host_of(address: str) -> str:
    """The host of host:port, without the brackets of IPv6."""
    return (urlsplit(f"//{address}").hostname or "").lower()


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _related(host: str, registry: str) -> bool:
    """The same host, one below it, or one of the same owner: auth.docker.io for registry-1.docker.io."""
    if host == registry or host.endswith(f".{registry}"):
        return True
    owner = _owner(registry)
    return bool(owner) and (host == owner or host.endswith(f".{owner}"))


def _owner(host: str) -> str:
    """The domain above the host; "" where that may belong to many (co.uk) and for addresses."""
    labels = host.split(".")
    if len(labels) < 3 or labels[-1].isdigit() or ":" in host:
        return ""
    shared = len(labels) == 3 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return "" if shared else ".".join(labels[1:])
