"""Reads the URL of a PostgreSQL database. Its parameters may have the names that libpq gives them."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from models.connections.time_limits import TimeLimits

ENCODED: Final = "Percent-encode the characters / ? # @ : % of its password"
LARGEST_PORT: Final = 65535
MOST_SECONDS: Final = 86_400
MOST_STATEMENTS: Final = 10_000


class InvalidUrl(ValueError):
    """The URL is invalid. The message is a phrase that begins with `must` or `has`, and contains no value."""


@dataclass(frozen=True, slots=True)
class PostgresqlUrl:
    """A URL without its parameters, and the parameters by what they are for."""

    url: URL
    tls: Mapping[str, str]
    session: Mapping[str, str]
    connect: float | None = None
    statement: float | None = None
    prepared_statements: int | None = None

    @property
    def dsn(self) -> str:
        """The parameters that the driver takes only as a URL."""
        return "postgresql://?" + urlencode(self.tls, quote_via=quote)

    def limits(self, default: TimeLimits) -> TimeLimits:
        """The time limits, where the URL names some."""
        return replace(default, connect=self.connect or default.connect, statement=self.statement or default.statement)


def _one_of(*allowed: str) -> tuple[Callable[[str], bool], str]:
    return allowed.__contains__, f"must be one of {', '.join(allowed)}"


def _is_readable(path: str) -> bool:
    return Path(path).is_file() and os.access(path, os.R_OK)


_FILE: Final = (_is_readable, "must name a file that can be read")
_VERSION: Final = _one_of("TLSv1.2", "TLSv1.3")
_TEXT: Final = (lambda value: bool(value) and value.isprintable(), "must be a text")

TLS: Final[dict[str, tuple[Callable[[str], bool], str]]] = {
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslrootcert": _FILE,
    "sslcert": _FILE,
    "sslkey": _FILE,
    "sslpassword": _TEXT,
    "sslcrl": _FILE,
    "sslnegotiation": _one_of("postgres", "direct"),
    "ssl_min_protocol_version": _VERSION,
    "ssl_max_protocol_version": _VERSION,
    "target_session_attrs": _one_of("any", "primary", "standby", "prefer-standby", "read-write", "read-only"),
    "passfile": _FILE,
    "krbsrvname": _TEXT,
}
"""Parameters that the driver reads itself: which values they take, and a phrase that says so."""

SESSION: Final = ("application_name",)
CONNECT: Final = ("connect_timeout", "timeout")
STATEMENT: Final = ("command_timeout",)
PREPARED: Final = ("statement_cache_size", "prepared_statement_cache_size")
ALIASES: Final = {"ssl": "sslmode"}
PLACES: Final = ("host", "port")
"""Parameters that SQLAlchemy reads: the folder of a socket, or several hosts."""

NAMES: Final = tuple(sorted((*TLS, *SESSION, *CONNECT, *STATEMENT, *PREPARED, *PLACES)))


def parse(text: str) -> PostgresqlUrl:
    """Reads a URL. Raises InvalidUrl if it or a parameter is invalid."""
    if "@" in text.partition("?")[2]:
        raise InvalidUrl(f"has an @ after its question mark. {ENCODED}")
    url = _address(text)
    given = {ALIASES.get(name, name): value for name, value in url.query.items() if name not in PLACES}
    named = {name: value for name, value in given.items() if isinstance(value, str)}
    for name in given:
        _require_known(name, repeated=name not in named)
    return PostgresqlUrl(
        url.set(query={name: value for name, value in url.query.items() if name in PLACES}),
        tls={name: _checked(name, value) for name, value in named.items() if name in TLS},
        session={name: _checked(name, value) for name, value in named.items() if name in SESSION},
        connect=_number(named, CONNECT, MOST_SECONDS),
        statement=_number(named, STATEMENT, MOST_SECONDS),
        prepared_statements=_whole(_number(named, PREPARED, MOST_STATEMENTS, least=0)),
    )


def _address(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise InvalidUrl(f"must be a URL with a port between 1 and {LARGEST_PORT}, or none. {ENCODED}") from None
    ports = [url.port, *(_port(each) for each in _several(url.query.get("port")))]
    ports += [_port(each.rpartition(":")[2]) for each in _several(url.query.get("host")) if re.search(":[^]/]*$", each)]
    if any(port is not None and not 1 <= port <= LARGEST_PORT for port in ports):
        raise InvalidUrl(f"must have a port between 1 and {LARGEST_PORT}")
    if "@" in (url.host or ""):
        raise InvalidUrl(f"has an @ in its host. {ENCODED}")
    return url


def _several(value: str | tuple[str, ...] | None) -> list[str]:
    return [each for part in ([value] if isinstance(value, str) else value or ()) for each in part.split(",")]


def _port(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,5}", text) else 0


def _require_known(name: str, *, repeated: bool) -> None:
    """An unknown name is repeated only if it looks like one: it may be a part of a password."""
    if name not in NAMES:
        shown = f"the parameter {name}" if re.fullmatch("[a-z_]{1,40}", name) else "a parameter"
        raise InvalidUrl(f"has {shown}, which it does not take. It takes {', '.join(NAMES)}")
    if repeated:
        raise InvalidUrl(f"must have the parameter {name} once")


def _checked(name: str, value: str) -> str:
    accepts, phrase = TLS.get(name, _TEXT)
    if not accepts(value):
        raise InvalidUrl(f"has an invalid {name}, which {phrase}")
    return value


def _number(given: Mapping[str, str], names: tuple[str, ...], most: int, *, least: float = 0.001) -> float | None:
    found = None
    for name in names:
        if name in given:
            text = given[name]
            found = float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) else -1
            if not least <= found <= most:
                raise InvalidUrl(f"has an invalid {name}, which must be a number from {least:g} to {most}")
    return found


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
