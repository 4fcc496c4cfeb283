"""Checks of single settings, and sentences about invalid ones."""

import ipaddress
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic_core import ErrorDetails

from app.browser.origins import canonical_origin, origin_of
from app.mail.transport import is_server
from app.settings_section import PREFIX
from models.connections.postgresql_url import InvalidUrl, parse
from models.connections.sqlite_url import fault_of_sqlite_url
from models.email_address import deliverable_address
from resolvers.hashing.breached_passwords import SortedListFile

MIN_PREFIX_LENGTH: Final = 7
"""The shortest prefix of a network of proxies: that of the private IPv6 network."""

NEAR: Final = 0.8
"""How similar two names are if one may be a slip of the other."""


def is_site_url(url: str, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    """Whether this is the URL of a site, without query and fragment."""
    return (origin_of(url) or "").startswith(tuple(f"{scheme}://" for scheme in schemes))


def is_web_origin(text: str, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    """Whether this is the origin of one website, without wildcards."""
    return "*" not in text and (canonical_origin(text) or "").startswith(tuple(f"{scheme}://" for scheme in schemes))


def is_mail_url(url: str) -> bool:
    """Whether this names a folder or an SMTP server."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 if is_server(url) else "://" not in url
    except ValueError:
        return False


def fault_of_database_url(url: str) -> str | None:
    """Why this is not the URL of a database, as a phrase that does not contain a value of it."""
    if not url.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
        return "must begin with sqlite+aiosqlite: or postgresql+asyncpg:"
    try:
        if url.startswith("postgresql"):
            parse(url)
    except InvalidUrl as problem:
        return str(problem)
    return fault_of_sqlite_url(url) if url.startswith("sqlite") else None


def is_sender_address(text: str) -> bool:
    """Whether this is one ASCII e-mail address."""
    try:
        return deliverable_address(text).isascii()
    except ValueError:
        return False


def is_narrow_network(network: str) -> bool:
    """Whether this is a network, and not so wide that a few of them cover all addresses."""
    try:
        return ipaddress.ip_network(network).prefixlen >= MIN_PREFIX_LENGTH
    except ValueError:
        return False


def is_sorted_file(path: Path) -> bool:
    """Whether the lines of this file are sorted by bytes."""
    listed = SortedListFile(path)
    try:
        return listed.is_sorted()
    finally:
        listed.close()


def unknown_names(names: Iterable[str]) -> list[str]:
    """A sentence for each variable of the environment that has our prefix but is not a setting."""
    known = [f"{PREFIX}{name}".upper() for name in names]
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
    faults = []
    for name in unknown:
        nearest = get_close_matches(name.upper(), known, n=1, cutoff=NEAR)
        faults.append(f"{name} is not a setting. " + (f"Did you mean {nearest[0]}?" if nearest else "Remove it."))
    return faults


def is_empty_in_environment(name: str) -> bool:
    """Whether a variable of this setting is set to an empty text."""
    ours = f"{PREFIX}{name}".upper()
    return any(each.upper() == ours and not value.strip() for each, value in os.environ.items())


def reason_of(error: ErrorDetails) -> str:
    """Why a value is invalid, as a phrase that begins with `must` and does not contain the value."""
    if error["type"] == "enum":
        return f"must be {error['ctx']['expected'].replace(chr(39), '`')}"
    message = re.sub(r", (unable to parse|got) .*", "", error["msg"].removeprefix("Value error, "))
    return re.sub(r"^\w* ?[Ii]nput should ", "must ", message)
