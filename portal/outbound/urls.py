"""Addresses as people write them: what is called."""

from typing import NamedTuple
from urllib.parse import urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from common.urls import shown

PORTS = {"https": 443, "http": 80}


class BadUrl(ValueError):
    """The text is no address that may be called; the message says why, and holds nothing secret."""


class Url(NamedTuple):
    """`host`: a name, or an IP address without brackets; `port` is always there."""

    scheme: str
    host: str
    port: int


def read(url: str) -> Url:
    """Scheme, host and port. Raises BadUrl."""
    try:
        parts, other = urlsplit(url), parse_url(url)
        port = parts.port
    except (ValueError, LocationParseError):
        raise BadUrl(f"{shown(url)[:100]!r} is no address of a server.") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise BadUrl(f"{shown(url)[:100]!r} is no address that starts with https:// and names a server.")
    if parts.username is not None or parts.password is not None:
        raise BadUrl(f"The address of {parts.hostname} has a password in it; put it into a header.")
    # Who checks an address and who connects to it have to read the same host out of it.
    if (other.host or "").strip("[]").lower() != parts.hostname:
        raise BadUrl(f"{shown(url)[:100]!r} is no address of a server.")
    return Url(parts.scheme, parts.hostname, port or PORTS[parts.scheme])


def split_query(url: str) -> tuple[str, str]:
    """The address, and what stands after its "?", without the fragment."""
    address, _, query = url.partition("#")[0].partition("?")
    return address, query


def join_query(url: str, query: str) -> str:
    """The other way round."""
    return f"{url}?{query}" if query else url
