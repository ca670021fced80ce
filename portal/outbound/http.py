"""One call: resolved once, checked, made to that address, with limits on time and size, without redirects."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from portal.outbound.addresses import Address, is_listed, is_public

PORTS = {"https": 443, "http": 80}
CHUNK = 8192
USER_AGENT = "slipway"


class OutboundRefused(Exception):
    """An address that is not called; the message says why and what to do."""


class OutboundFailed(Exception):
    """A call that got no whole answer; another attempt may."""


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` have lower-case names; a redirect is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout: tuple[float, float] = (1.0, 3.0),
    limit: int = 64 * 1024,
) -> Answer:
    """Makes one call. `timeout`: seconds to connect, and in all; `limit`: bytes of the answer's body.

    Raises OutboundRefused for an address that may not be called, OutboundFailed for everything that went wrong.
    """
    deadline = time.monotonic() + timeout[1]
    parts = _split(url)
    connection = _connection(parts, _reachable(parts, timeout[0]), timeout[0])
    watch = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [connection])
    watch.daemon = True
    watch.start()
    try:
        return _exchange(connection, method, parts, dict(headers or {}), body, limit)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        late = time.monotonic() >= deadline
        why = f"no whole answer within {timeout[1]:g} s" if late else _words(error)
        raise OutboundFailed(f"{method} {parts.hostname}: {why}.") from error
    finally:
        watch.cancel()
        connection.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutboundRefused(f"{url[:100]!r} is no address of a server.") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise OutboundRefused(f"{url[:100]!r} is no address that starts with https:// and names a server.")
    if parts.username or parts.password:
        raise OutboundRefused(f"The address of {parts.hostname} has a password in it; put it into a header.")
    return parts


def _reachable(parts: SplitResult, seconds: float) -> Address:
    found = _resolve(parts.hostname or "", _port(parts), seconds)
    for address in found:
        if is_listed(address) or (is_public(address) and parts.scheme == "https"):
            return address
    if any(is_public(address) for address in found):
        raise OutboundRefused(f"{parts.hostname} is called by https:// only.")
    raise OutboundRefused(
        f"{parts.hostname} leads to {found[0]}, which is not public. "
        "SLIPWAY_OUTBOUND_NETWORKS lists the inner networks that may be called."
    )


def _resolve(host: str, port: int, seconds: float) -> list[Address]:
    # A thread, since the system's resolver knows no time limit.
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        found = pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(timeout=seconds)
    except TimeoutError:
        raise OutboundFailed(f"The name {host} was not resolved within {seconds:g} s.") from None
    except (OSError, UnicodeError):
        raise OutboundFailed(f"The name {host} does not resolve.") from None
    finally:
        pool.shutdown(wait=False)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _connection(parts: SplitResult, address: Address, seconds: float) -> HTTPConnection:
    if parts.scheme == "http":
        return HTTPConnection(str(address), _port(parts), timeout=seconds)
    return HTTPSConnection(
        str(address),
        _port(parts),
        timeout=seconds,
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
        ssl_context=ssl.create_default_context(),
    )


def _exchange(
    connection: HTTPConnection,
    method: str,
    parts: SplitResult,
    headers: dict[str, str],
    body: bytes,
    limit: int,
) -> Answer:
    connection.connect()
    # From here on the watch cuts the connection when the whole call has taken too long.
    connection.sock.settimeout(None)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"Host": _authority(parts), "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    connection.request(method, target, body=body or None, headers={**headers, **own}, preload_content=False)
    response = connection.getresponse()
    names = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, names, _read(response, limit))


def _read(response: BaseHTTPResponse, limit: int) -> bytes:
    content = b""
    while chunk := response.read(min(CHUNK, limit + 1 - len(content)), decode_content=False):
        content += chunk
        if len(content) > limit:
            raise ValueError(f"the answer is longer than {limit} bytes")
    return content


def _cut(connection: HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _authority(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if _port(parts) == PORTS[parts.scheme] else f"{host}:{_port(parts)}"


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error).rstrip(".") or type(error).__name__
