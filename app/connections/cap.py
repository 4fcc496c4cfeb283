"""Counts the open connections of each client, and of all trusted proxies together."""

import resource
from collections.abc import Hashable
from typing import Final, Protocol

from app.http.client_address import TrustedProxies, parse_address
from permissions.ip_network import site_of

CONNECTIONS_PER_CLIENT: Final = 500
"""The most connections of one client network."""
CONNECTIONS_OF_PROXIES: Final = 1000
"""The most connections of all trusted proxies together."""
CONNECTIONS_PER_PROCESS: Final = 4000
"""The most connections of all peers, if the process may open as many files."""
OTHER_FILES: Final = 200
"""How many files the process may need for all else: database, log, mail."""

PROXIES: Final = "trusted proxies"
EVERYBODY: Final = "every peer"


class Connection(Hashable, Protocol):
    """A connection that can be closed while it waits for a request."""

    peer: str

    def close_idle(self) -> None:
        """Closes it."""


def _most_of_process() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_PER_PROCESS if files < 0 else max(1, min(CONNECTIONS_PER_PROCESS, files - OTHER_FILES))


class _Group:
    """The connections of one client, and which of them wait for a request, the oldest first."""

    def __init__(self) -> None:
        self.open: set[Connection] = set()
        self.idle: dict[Connection, None] = {}


class ConnectionCap:
    """The caps of one process. A new connection above a cap takes the place of the oldest that waits for a request."""

    def __init__(
        self,
        proxies: TrustedProxies,
        per_client: int = CONNECTIONS_PER_CLIENT,
        of_proxies: int = CONNECTIONS_OF_PROXIES,
        per_process: int | None = None,
    ) -> None:
        self._proxies = proxies
        self._per_client = per_client
        self._most = {PROXIES: of_proxies, EVERYBODY: per_process or _most_of_process()}
        self._groups: dict[str, _Group] = {}

    def add(self, connection: Connection) -> bool:
        """Counts a new connection, and returns whether it may send requests.

        It may not if its client has too many others and all of them are busy.
        """
        fits = True
        for key in self._keys(connection):
            most = self._most.get(key, self._per_client)
            group = self._groups.get(key)
            if group and len(group.open) >= most and group.idle:
                oldest = next(iter(group.idle))
                self.remove(oldest)
                oldest.close_idle()
            group = self._groups.setdefault(key, _Group())
            fits &= len(group.open) < most
            group.open.add(connection)
            group.idle[connection] = None
        return fits

    def begin(self, connection: Connection) -> None:
        """Notes that the connection is busy with a request."""
        for group in self._groups_of(connection):
            group.idle.pop(connection, None)

    def end(self, connection: Connection) -> None:
        """Notes that the connection waits for its next request."""
        for group in self._groups_of(connection):
            if connection in group.open:
                group.idle[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forgets a closed connection."""
        for key in self._keys(connection):
            if group := self._groups.get(key):
                group.open.discard(connection)
                group.idle.pop(connection, None)
                if not group.open:
                    del self._groups[key]

    def _groups_of(self, connection: Connection) -> list[_Group]:
        return [self._groups[key] for key in self._keys(connection) if key in self._groups]

    def _keys(self, connection: Connection) -> tuple[str, str]:
        address = parse_address(connection.peer)
        if self._proxies.trusts(address):
            return PROXIES, EVERYBODY
        return site_of(str(address)) if address else connection.peer, EVERYBODY
