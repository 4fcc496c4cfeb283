"""Limits see a network of IPv6 as one."""

import ipaddress
from typing import Final

IPV6_NETWORK: Final = 64
"""A household's usual share of IPv6: an address of its own for every attempt buys nothing."""


def network_of(address: str) -> str:
    """What attempts from this address are counted under."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{known}/{IPV6_NETWORK}", strict=False)) if known.version == 6 else str(known)
