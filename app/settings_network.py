"""Which services may be reached without TLS, and the settings of those that may not."""

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import NoDecode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.settings_section import PREFIX, Section, split_list

ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
"""The values of `sslmode` with which PostgreSQL never falls back to plain text."""

HOST_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
PORT: Final = re.compile(":[0-9]+$")
LOCAL_NAMES: Final = frozenset({"", "localhost"})


class NetworkSettings(Section):
    """How PostgreSQL and Redis are reached."""

    title: ClassVar = "Network"

    private_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Networks, addresses or host names, separated by commas, in which PostgreSQL and Redis may be "
        "reached without TLS. A name counts as it is written in the URL. Elsewhere production requires `rediss://`, "
        "and `sslmode=require`, `verify-ca` or `verify-full`, except on this host.",
    )

    @field_validator("private_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: Any) -> Any:
        return split_list(value)


def is_network_or_name(text: str) -> bool:
    """Whether this is a network, an address or a host name."""
    if _network(text) is not None:
        return True
    return HOST_NAME.fullmatch(text) is not None and not re.fullmatch(r"[0-9.]+", text)


def plain_text_faults(database_url: str, redis_url: str | None, private: Iterable[str]) -> list[tuple[str, str]]:
    """The settings whose service would be reached in plain text over a network that is not private."""
    private, faults = tuple(private), []
    exempt = f"or name its host in {PREFIX}PRIVATE_NETWORKS"
    if database_url.startswith("postgresql") and not _is_encrypted(database_url):
        hosts = _postgresql_hosts(database_url)
        if not all(_is_private(host, private) for host in hosts):
            faults.append(("DATABASE_URL", f"must use TLS in production: add ?sslmode=verify-full to it, {exempt}"))
    if redis_url and not redis_url.startswith("rediss://") and not _is_private(_redis_host(redis_url), private):
        faults.append(("REDIS_URL", f"must use TLS in production: begin it with rediss://, {exempt}"))
    return faults


def _is_encrypted(url: str) -> bool:
    try:
        query = make_url(url).query
    except (ArgumentError, ValueError):
        return False
    mode = query.get("sslmode") or query.get("ssl") or os.environ.get("PGSSLMODE")
    return mode in ENCRYPTED


def _postgresql_hosts(url: str) -> Iterator[str]:
    """Every host of the URL. Without one, the driver takes it from its own variable, or a socket of this host."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        yield "?"
        return
    named = address.query.get("host", ())
    several = [*([address.host] if address.host else []), *([named] if isinstance(named, str) else named)]
    for host in several or [os.environ.get("PGHOST", "")]:
        for each in host.split(","):
            yield PORT.sub("", each) if each.count(":") == 1 else each


def _redis_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return "?"


def _is_private(host: str, private: tuple[str, ...]) -> bool:
    """Whether nobody else can listen on the way to this host: it is this one, or its network is named."""
    if host.startswith("/") or host.lower() in LOCAL_NAMES:
        return True
    if host.lower().rstrip(".") in {each.lower().rstrip(".") for each in private}:
        return True
    address = _network(host.strip("[]"))
    if address is None:
        return False
    return address.is_loopback or any(
        network.version == address.version and address.subnet_of(network)  # type: ignore[arg-type]  # same version
        for network in map(_network, private)
        if network is not None
    )


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None
