"""The networks of an IP address, by which rate limits count."""

import ipaddress
from typing import Final

IPV6_NETWORK: Final = 64
"""The prefix length of one household's IPv6 network. All of its addresses share one limit."""

IPV6_SITE: Final = 48
"""The prefix length of the largest IPv6 network that one customer usually gets: 65,536 networks of households."""
SITE_FACTOR: Final = 10
"""How many times the limit of one network all networks of a site share."""


def network_of(address: str) -> str:
    """Returns the IPv6 network or the IPv4 address that attempts from this address are counted under."""
    return counted_networks(address)[0][0]


def counted_networks(address: str) -> tuple[tuple[str, int], ...]:
    """Returns every network that attempts from this address are counted under, and how many times the limit it has."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ((address, 1),)
    if ip.version == 4:
        return ((str(ip), 1),)
    return ((_ipv6_network(ip, IPV6_NETWORK), 1), (_ipv6_network(ip, IPV6_SITE), SITE_FACTOR))


def site_of(address: str) -> str:
    """Returns the widest network that attempts from this address are counted under."""
    return counted_networks(address)[-1][0]


def _ipv6_network(ip: ipaddress.IPv6Address, length: int) -> str:
    return str(ipaddress.IPv6Network((int(ip), length), strict=False))
