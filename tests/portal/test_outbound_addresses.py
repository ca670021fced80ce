"""Which addresses are public: IANA's special-purpose registries line by line, and the clouds' own addresses."""

import ipaddress

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import example, given
from hypothesis import strategies as st

from portal.outbound.addresses import is_listed, is_public

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
    "2001:4860:4860::8888", "2606:2800:220:1::1", "2a00:1450::1", "2003::1", "::ffff:93.184.216.34",
]  # fmt: skip

# Block of https://www.iana.org/assignments/iana-ipv4-special-registry to what it is for. Those that IANA calls
# globally reachable (AS112, AMT) are asked like any other.
SPECIAL_IPV4 = {
    "0.0.0.0/8": "this network",
    "0.0.0.0/32": "this host",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared address space",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments",
    "192.0.0.0/29": "IPv4 service continuity",
    "192.0.0.8/32": "dummy address",
    "192.0.0.9/32": "port control protocol anycast",
    "192.0.0.10/32": "TURN anycast",
    "192.0.0.170/31": "NAT64 discovery",
    "192.0.0.192/32": "metadata of Oracle's cloud",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relay anycast",
    "192.168.0.0/16": "private use",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "limited broadcast",
}
# The same of https://www.iana.org/assignments/iana-ipv6-special-registry and of the address space itself.
SPECIAL_IPV6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::/96": "IPv4-compatible",
    "::ffff:0:0:0/96": "IPv4-translated",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64 of a site",
    "100::/64": "discard",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "IETF protocol assignments",
    "2001::/32": "Teredo",
    "2001:2::/48": "benchmarking",
    "2001:10::/28": "ORCHID",
    "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "drone remote identification",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
    "4000::/3": "not given out",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
CLOUDS = ["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
          "fd20:ce::254"]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def edges(network: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """First, middle and last address of a block."""
    block = ipaddress.ip_network(network)
    return [block[0], block[block.num_addresses // 2], block[-1]]


@pytest.mark.parametrize("network", [*SPECIAL_IPV4, *SPECIAL_IPV6])
def test_no_address_of_a_special_block_is_public(network: str) -> None:
    assert [str(address) for address in edges(network) if is_public(address)] == []


@pytest.mark.parametrize("network", SPECIAL_IPV4)
def test_nor_is_any_wrapped_in_ipv6(network: str) -> None:
    mapped = [ipaddress.ip_address(f"::ffff:{address}") for address in edges(network)]
    assert [str(address) for address in mapped if is_public(address)] == []


@pytest.mark.parametrize("address", CLOUDS)
def test_the_clouds_own_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
@example(ipaddress.ip_address("::ffff:1.1.1.1"))
def test_nothing_is_public_that_the_language_calls_inner(address: ipaddress.IPv4Address) -> None:
    plain = getattr(address, "ipv4_mapped", None) or address
    inner = plain.is_private or plain.is_multicast or plain.is_reserved or plain.is_loopback
    assert not (is_public(address) and inner)


@given(st.ip_addresses(v=6))
def test_of_ipv6_only_global_unicast_and_mapped_addresses_can_be_public(address: ipaddress.IPv6Address) -> None:
    given_out = address in ipaddress.ip_network("2000::/3") or address.ipv4_mapped is not None
    assert given_out or not is_public(address)


def test_listed_networks_may(settings) -> None:
    settings.OUTBOUND_NETWORKS = ["10.1.0.0/16", "fd00::/8"]
    listed = ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"]
    assert all(is_listed(ipaddress.ip_address(address)) for address in listed)
    assert not any(is_listed(ipaddress.ip_address(address)) for address in ["10.2.0.1", "fe80::1"])
    settings.OUTBOUND_NETWORKS = ["10.1.0.0/99"]
    with pytest.raises(ImproperlyConfigured, match=r"10\.1\.0\.0/99"):
        is_listed(ipaddress.ip_address("10.1.2.3"))
