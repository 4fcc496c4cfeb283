"""The IP address of a client, from the connection and not from headers."""

import ipaddress

from starlette.requests import Request

from permissions.ip_network import network_of


def address_of(request: Request) -> str:
    """The client's IP address in its canonical form, or an empty string if there is none."""
    try:
        address = ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def network_of_request(request: Request) -> str:
    """The network that the client's address belongs to, as rate limits count it."""
    return network_of(address_of(request))
