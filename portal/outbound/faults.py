"""What can go wrong on a network, and the words for it. The one table: whoever asks over a network uses these."""

import socket
import ssl
from collections.abc import Iterator
from enum import Enum
from http.client import HTTPException

from requests.exceptions import InvalidHeader, InvalidURL
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError, ReadTimeoutError


class OutboundRefused(Exception):
    """An address that is not called; the message says why and what to do."""


class NoSuchHost(OutboundRefused):
    """A name that does not exist now; in words it is like every other host that is not called."""


class OutboundFault(Enum):
    """Why a call got no whole answer, in words that go on "HOST: …"."""

    LATE = "no whole answer within {seconds:g} s"
    LONG = "its answer is longer than {limit} bytes"
    UNTRUSTED = "its certificate is not trusted ({said})"
    TLS = "it does not speak TLS as it should ({said})"
    PROXY = "its proxy does not let the call through ({said})"
    UNRESOLVED = "its name does not resolve"
    REFUSED = "the connection is refused; nothing listens there"
    UNCONNECTED = "no connection in time"
    SILENT = "no answer in time"
    BROKEN = "the connection broke off"
    NO_WAY = "there is no way to it on the network"
    UNSAYABLE = "its address or a header has characters that cannot be sent"

    @property
    def lasts(self) -> bool:
        """Whether somebody has to act; the others may be gone at the next attempt."""
        return self in {OutboundFault.LONG, OutboundFault.UNTRUSTED, OutboundFault.TLS, OutboundFault.UNSAYABLE}


class OutboundFailed(Exception):
    """A call that got no whole answer; another attempt may. `why`: what went wrong, without the host."""

    def __init__(self, host: str, fault: OutboundFault, why: str) -> None:
        super().__init__(f"{host}: {why}.")
        self.host = host
        self.fault = fault
        self.why = why


class AnswerTooLong(Exception):
    """The answer has more bytes than were asked for."""


# The first that fits any link of an error's chain counts.
KINDS: tuple[tuple[type[BaseException], OutboundFault], ...] = (
    (AnswerTooLong, OutboundFault.LONG),
    (InvalidHeader, OutboundFault.UNSAYABLE),
    (InvalidURL, OutboundFault.UNSAYABLE),
    (ssl.SSLCertVerificationError, OutboundFault.UNTRUSTED),
    (ssl.SSLError, OutboundFault.TLS),
    (ProxyError, OutboundFault.PROXY),
    (socket.gaierror, OutboundFault.UNRESOLVED),
    (ConnectionRefusedError, OutboundFault.REFUSED),
    (NewConnectionError, OutboundFault.NO_WAY),
    (ConnectTimeoutError, OutboundFault.UNCONNECTED),
    (ReadTimeoutError, OutboundFault.SILENT),
    (TimeoutError, OutboundFault.SILENT),
    (ConnectionError, OutboundFault.BROKEN),
    (HTTPException, OutboundFault.BROKEN),
    (HTTPError, OutboundFault.BROKEN),
    (OSError, OutboundFault.NO_WAY),
    (ValueError, OutboundFault.UNSAYABLE),
)


def failed(host: str, error: BaseException, *, seconds: float, limit: int, late: bool) -> OutboundFailed:
    """The error in words. `late`: the call's time was over, whatever the connection says of its end."""
    fault, link = (OutboundFault.LATE, error) if late else fault_of(error)
    why = fault.value.format(seconds=seconds, limit=limit, said=_said(link))
    return OutboundFailed(host, fault, why)


def fault_of(error: BaseException) -> tuple[OutboundFault, BaseException]:
    """What the error is, and the link of its chain that says so."""
    chain = list(_chain(error))
    for kind, fault in KINDS:
        for link in chain:
            if isinstance(link, kind):
                return fault, link
    return OutboundFault.BROKEN, error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it wraps: as its cause, as its reason (urllib3) or as an argument (requests)."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting += [each for each in inner if isinstance(each, BaseException)]


def _said(error: BaseException) -> str:
    if isinstance(error, ProxyError):
        error = list(_chain(error.original_error))[-1]
    said = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    return str(said).rstrip(".")[:200] or type(error).__name__
