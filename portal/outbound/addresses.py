"""Which addresses an outgoing call may reach: public ones, and the networks of SLIPWAY_OUTBOUND_NETWORKS."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What `is_global` lets through though it leads inside: Azure's host, and IPv4 wrapped in IPv6.
DENIED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in ("168.63.129.16/32", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    return address.is_global and not address.is_multicast and not any(_within(address, net) for net in DENIED)


def is_listed(address: Address) -> bool:
    """Whether the address is in a network that this installation allows by name."""
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(_within(plain, network) for network in networks(tuple(settings.OUTBOUND_NETWORKS)))


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


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
