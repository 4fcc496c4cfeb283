"""Reads the URL of a SQLite database, to find one that would lose its data."""

from typing import Final
from urllib.parse import parse_qsl, unquote

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

URI: Final = "file:"
"""How a name begins that SQLite reads as a URI, with its own parameters."""


def fault_of_sqlite_url(text: str) -> str | None:
    """Why this URL does not name a database on disk, as a phrase that begins with `must`; or None."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return "must be sqlite+aiosqlite:///PATH"
    if url.host:
        return "must have three slashes before a relative path, and four before an absolute one"
    name, _, written = unquote(unquote(url.database or "")).partition("?")
    given = [*url.query.items(), *parse_qsl(written)]
    parameters = {(key.strip().lower(), str(value).strip().lower()) for key, value in given}
    path = name.strip().removeprefix(URI).strip()
    if path.strip("/") in ("", ":memory:") or parameters & {("mode", "memory"), ("vfs", "memdb")}:
        return "must name a database on disk: one in memory loses its data"
    if ("cache", "shared") in parameters:
        return "must not use cache=shared: its connections would lock each other out"
    return None
