"""Checks of single settings."""

import ipaddress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.browser.origins import canonical_origin, origin_of
from app.mail.transport import is_server
from models.email_address import deliverable_address
from resolvers.hashing.breached_passwords import SortedListFile

MIN_PREFIX_LENGTH: Final = 7
"""The shortest prefix of a network of proxies: that of the private IPv6 network."""


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
