"""Whence a request comes: an IP address or nothing, whatever a header says."""

import ipaddress

from starlette.requests import Request

from permissions.ip_network import network_of


def address_of(request: Request) -> str:
    """The peer's address in its plain form, empty where there is none."""
    try:
        address = ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def network_of_request(request: Request) -> str:
    """The same, straight from a request."""
    return network_of(address_of(request))
