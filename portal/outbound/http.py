"""One call: resolved once, checked, made to that address, with limits on time and size, without redirects."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import NamedTuple
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
    parts = _split(url)
    deadline = time.monotonic() + timeout[1]
    connection = _connection(parts, _reachable(parts, timeout[0]), timeout[0])
    request = _Request(method, parts, dict(headers or {}), body, limit)
    with _Watch(connection, deadline) as watch:
        try:
            answer = _exchange(connection, watch, request)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            why = watch.late() or _words(error)
            raise OutboundFailed(f"{method} {parts.hostname}: {why}.") from error
    # A cut connection can look like an answer that ended.
    if why := watch.late():
        raise OutboundFailed(f"{method} {parts.hostname}: {why}.")
    return answer


class _Request(NamedTuple):
    method: str
    parts: SplitResult
    headers: dict[str, str]
    body: bytes
    limit: int


class _Watch:
    """Cuts a connection at a moment, whatever it is doing: a limit on each read would not end a slow drip."""

    def __init__(self, connection: HTTPConnection, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._timer = threading.Timer(self.left(), self._cut)
        self._timer.daemon = True
        # http.client drops its socket as soon as it knows that the answer is the last one.
        self.socket: socket.socket | None = None

    def __enter__(self) -> "_Watch":
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self._connection.close()

    def late(self) -> str:
        """That it took too long, in words; "" before."""
        return "no whole answer in time" if time.monotonic() >= self._deadline else ""

    def left(self) -> float:
        return max(0.001, self._deadline - time.monotonic())

    def _cut(self) -> None:
        sock = self.socket or self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


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


def _exchange(connection: HTTPConnection, watch: _Watch, request: _Request) -> Answer:
    connection.connect()
    watch.socket = connection.sock
    connection.timeout = watch.left()
    parts = request.parts
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"Host": _authority(parts), "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    headers = {name: value for name, value in request.headers.items() if name.title() not in own} | own
    connection.request(request.method, target, body=request.body or None, headers=headers, preload_content=False)
    response = connection.getresponse()
    names = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, names, _read(response, request.limit))


def _read(response: BaseHTTPResponse, limit: int) -> bytes:
    content = b""
    while chunk := response.read(min(CHUNK, limit + 1 - len(content)), decode_content=False):
        content += chunk
        if len(content) > limit:
            raise ValueError(f"the answer is longer than {limit} bytes")
    return content


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
