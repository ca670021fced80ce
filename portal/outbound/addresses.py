"""Which addresses are of the open internet, and which inner ones SLIPWAY_OUTBOUND_NETWORKS lists."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What IANA has given out to the world's hosts; every other block of IPv6 is reserved, inner or a wrapping of IPv4.
UNICAST: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in ("0.0.0.0/0", "2000::/3"))

# IANA's special-purpose registries of both families (2025), within UNICAST, and what clouds answer at.
SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # between a provider and its customers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata is 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    return address.is_global and _in_any(address, UNICAST) and not _in_any(address, SPECIAL)


def is_listed(address: Address) -> bool:
    """Whether the address is in a network that this installation allows by name."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return _in_any(plain, networks(tuple(settings.OUTBOUND_NETWORKS)))


@lru_cache(maxsize=8)
def networks(listed: Iterable[str]) -> tuple[Network, ...]:
    """The networks of a list such as 10.1.0.0/16. ImproperlyConfigured names the entry that is none."""
    return tuple(_network(entry) for entry in listed)


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        raise ImproperlyConfigured(
            f"SLIPWAY_OUTBOUND_NETWORKS has {entry!r}; it has to be a network such as 10.1.0.0/16."
        ) from None


def _in_any(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
