"""The network of an IP address, by which rate limits count."""

import ipaddress
from typing import Final

IPV6_NETWORK: Final = 64
"""The prefix length of one household's IPv6 network. All of its addresses share one limit."""


def network_of(address: str) -> str:
    """Returns the IPv6 network or the IPv4 address that attempts from this address are counted under."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{ip}/{IPV6_NETWORK}", strict=False)) if ip.version == 6 else str(ip)
