"""How far a call may go, by who gave its address; and the resolving and connecting that hold it to that."""

import ipaddress
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Any, NamedTuple

from portal.outbound.addresses import Address, is_listed, is_public
from portal.outbound.faults import NoSuchHost, OutboundRefused
from portal.outbound.watch import GRACE, current

# The one sentence for every address inside and every name that is none: who gave it learns no more than that.
NOT_PUBLIC = (
    "{host} is not public, or there is no such host. "
    "SLIPWAY_OUTBOUND_NETWORKS lists the inner networks that may be called."
)


class Reach(Enum):
    """Who gave the address.

    OUTSIDE: people, bundles and webhooks. Public addresses by https, and those of SLIPWAY_OUTBOUND_NETWORKS.
    OPERATOR: who sets the installation up (a Prometheus, a registry with an account). Any address.
    """

    OUTSIDE = "outside"
    OPERATOR = "operator"


class ResolvedAddress(NamedTuple):
    """One address of a host. `connecting`: (family, sockaddr) for a socket."""

    address: Address
    connecting: tuple[socket.AddressFamily, Any]


def connect(reach: Reach, scheme: str, host: str, port: int, seconds: float) -> socket.socket:
    """A connection to one of the addresses that the name has at this moment and that the reach takes in.

    The name is resolved once, so what was checked is what is connected to. Raises OutboundRefused, gaierror and
    OSError. The watch of the call holds the connection from its first moment.
    """
    until = time.monotonic() + min(seconds, current().left())
    places = admitted(reach, scheme, host, resolve(reach, host, port, until - time.monotonic()))
    for place in places[:-1]:
        try:
            return _dial(place, until)
        except OSError:
            continue
    return _dial(places[-1], until)


def admitted(reach: Reach, scheme: str, host: str, places: Iterable[ResolvedAddress]) -> list[ResolvedAddress]:
    """Those of the places that may be called; OutboundRefused where there are none. Pure but for the settings."""
    found = list(places)
    if reach is Reach.OPERATOR:
        return found
    public = [place for place in found if is_public(place.address)]
    listed = [place for place in found if is_listed(place.address)]
    if public and not listed and scheme != "https":
        raise OutboundRefused(f"{host} is called by https:// only.")
    taken = [place for place in found if place in listed or (place in public and scheme == "https")]
    if not taken:
        raise OutboundRefused(NOT_PUBLIC.format(host=host))
    return taken


def resolve(reach: Reach, host: str, port: int, seconds: float) -> list[ResolvedAddress]:
    """Every address of the host now. Raises gaierror, or OutboundRefused for a name from outside that is none."""
    try:
        found = _looked_up(host, port, seconds)
    except socket.gaierror as error:
        if reach is Reach.OUTSIDE and error.errno != socket.EAI_AGAIN:
            raise NoSuchHost(NOT_PUBLIC.format(host=host)) from None
        raise
    return [ResolvedAddress(_address(entry[4]), (entry[0], entry[4])) for entry in found]


def _looked_up(host: str, port: int, seconds: float) -> list[Any]:
    # A thread, since the system's resolver knows no time limit.
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(timeout=seconds)
    except TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, "The name was not resolved in time.") from None
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "The name has a part that no name can have.") from None
    finally:
        pool.shutdown(wait=False)


def _address(sockaddr: Any) -> Address:
    return ipaddress.ip_address(str(sockaddr[0]).partition("%")[0])


def _dial(place: ResolvedAddress, until: float) -> socket.socket:
    family, sockaddr = place.connecting
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(max(0.001, until - time.monotonic()))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.connect(sockaddr)
        current().hold(opened)
        opened.settimeout(current().left() + GRACE)
    except BaseException:
        opened.close()
        raise
    return opened
