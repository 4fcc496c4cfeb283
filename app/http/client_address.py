"""The IP address of a client: that of the connection, or the one that a trusted proxy names in one header."""

import ipaddress
import logging
import re
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

WARNING_SECONDS: Final = 60
"""How often the log repeats the warning at most."""
READINESS_SECONDS: Final = 600
"""How long readiness reports an unnamed client after the last one."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
PARAMETER: Final = re.compile(rf'({WORD})=({WORD}|"(?:[^"\\]|\\.)*")')
ELEMENT: Final = re.compile(rf"\s*{PARAMETER.pattern}(?:\s*;\s*{PARAMETER.pattern})*\s*")
"""One element of `Forwarded` (RFC 7239, 4)."""
MAX_COMMAS: Final = 20
"""How many commas the quoted texts of one element may contain, so that a long header costs little."""
NODE: Final = re.compile(
    r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::\d{1,5})?|(?P<v4>[0-9.]+)(?::\d{1,5})?|(?P<bare>[0-9A-Fa-f:.]+)"
)


class ProxyHeader(StrEnum):
    """The header in which proxies name the client."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


class TrustedProxies:
    """The proxies that are believed, the header that they set, and whether one has failed to name its client."""

    def __init__(self, networks: Sequence[str], header: ProxyHeader) -> None:
        self.header = header
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        self._last_unnamed: float | None = None
        self._last_warning: float | None = None

    @property
    def has_unnamed_clients(self) -> bool:
        """Whether a proxy sent a request without its client's address in the last minutes."""
        return self._last_unnamed is not None and time.monotonic() - self._last_unnamed < READINESS_SECONDS

    def client_of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
        """The address of the client, or None if a trusted proxy does not name it. Headers of others are ignored."""
        if not self.trusts(parse_address(peer)):
            return peer
        name = self.header.value.encode()
        text = ",".join(value.decode("latin1") for key, value in headers if key == name)
        client = None
        for node in _forwarded_nodes(text) if self.header is ProxyHeader.FORWARDED else reversed(text.split(",")):
            client = parse_address(node)
            if not self.trusts(client):
                break
        return str(client) if client else None

    def warn(self) -> None:
        """Notes a request without a client, and logs that at most once a minute."""
        now = self._last_unnamed = time.monotonic()
        if self._last_warning is None or now - self._last_warning >= WARNING_SECONDS:
            self._last_warning = now
            log.warning(
                "a trusted proxy sent no valid client address in the header %s: all such requests share one rate limit",
                self.header.value,
            )

    def trusts(self, address: Address | None) -> bool:
        """Whether this is the address of a trusted proxy."""
        return address is not None and any(address in network for network in self._networks)


class ClientAddressMiddleware:
    """Sets the client of each request before anything else sees it."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self.app = app
        self.proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "http" and scope.get("client"):
            host = scope["client"][0]
            client = self.proxies.client_of(host, scope["headers"])
            if client is None and scope["method"] == "POST":  # health checks of a proxy are its own requests
                self.proxies.warn()
            if client != host:
                scope["client"] = (client, 0) if client else None
        await self.app(scope, receive, send)


def address_of(request: Request) -> str:
    """The client's IP address in its canonical form, or an empty string if there is none."""
    try:
        address = ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def parse_address(text: str) -> Address | None:
    """The IP address in a host or node, without its port; None if there is none."""
    node = NODE.fullmatch(text.strip())
    try:
        address = ipaddress.ip_address((node["v6"] or node["v4"] or node["bare"]) if node else "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _forwarded_nodes(text: str) -> Iterator[str]:
    """The nodes of `for=` from the last to the first. An element that cannot be read, or has no `for`, ends them.

    Elements are read from the end, so that an unfinished quoted text of a client cannot swallow what the proxy adds.
    """
    while text:
        start = next((at for at in islice(_starts(text), MAX_COMMAS) if ELEMENT.fullmatch(text, at)), None)
        parameters = PARAMETER.findall(text, start) if start is not None else []
        nodes = [value for name, value in parameters if name.lower() == "for"]
        if start is None or len(nodes) != 1:
            yield ""
            return
        yield re.sub(r"\\(.)", r"\1", nodes[0].strip('"'))
        text = text[: max(start - 1, 0)]


def _starts(text: str) -> Iterator[int]:
    """Where the last element of a list may start, from the last comma to the first."""
    at = len(text)
    while (at := text.rfind(",", 0, at)) >= 0:
        yield at + 1
    yield 0
