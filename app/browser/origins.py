"""Origins as browsers compare them: case, default ports and the spelling of international names do not matter."""

import re
from typing import Final

from pydantic_core import Url

SITE: Final = re.compile(r"https?://[^\s/\\?#@]+", re.IGNORECASE)
OTHER: Final = re.compile(r"null|(?!https?:)[a-z][a-z0-9+.-]*://[^\s/\\?#@]*", re.IGNORECASE)
"""Origins other than websites: opaque ones, and those of apps and extensions."""


def canonical_origin(text: str) -> str | None:
    """The origin of a website in the form that browsers send, or None if the text is not one."""
    if not SITE.fullmatch(text):
        return None
    try:
        return str(Url(text)).removesuffix("/")
    except ValueError:
        return None


def is_malformed(origin: str) -> bool:
    """Whether no browser sends this as an Origin header."""
    return canonical_origin(origin) is None and not OTHER.fullmatch(origin)


def origin_of(url: str) -> str | None:
    """The origin of the URL of a site, or None if the URL is invalid or names a user, a query or a fragment."""
    try:
        parts = Url(url)
    except ValueError:
        return None
    named = parts.username or parts.password or parts.query is not None or parts.fragment is not None
    sound = url.isprintable() and " " not in url and "\\" not in url and url.lower().startswith(f"{parts.scheme}://")
    return None if named or not sound else canonical_origin(str(parts).removesuffix(parts.path or ""))
