"""A TCP proxy in front of PostgreSQL that loses the connection exactly at COMMIT."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from sqlalchemy.engine import make_url

COMMIT: Final = b"Q" + struct.pack("!i", 12) + b"COMMIT;\0"
"""The message of the simple query protocol."""
DONE: Final = b"C" + struct.pack("!i", 11) + b"COMMIT\0"
"""The message that tells the client of the commit."""


class Cut(Enum):
    """When the proxy loses the connection."""

    NEVER = "never"
    BEFORE = "before the server receives COMMIT"
    AFTER = "after the server committed"
    FOR_EVER = "after the server committed, and no new connection works"


@dataclass
class PostgresProxy:
    """The proxy, its URL, and what it does at the next COMMIT."""

    socket: str
    url: str = ""
    cut: Cut = Cut.NEVER
    commits_cut: int = 0
    closed: bool = False
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes one connection on until its COMMIT is to be lost."""
        if self.closed:
            writer.close()
            return
        above, below = await asyncio.open_unix_connection(self.socket)
        self.writers += [writer, below]
        losing = asyncio.Event()
        downwards = asyncio.create_task(self._answers(above, writer, losing))
        try:
            while data := await reader.read(65536):
                if self.cut is not Cut.NEVER and data.endswith(COMMIT):
                    await self._lose(below, data, losing, downwards)
                    break
                below.write(data)
                await below.drain()
        except ConnectionError:
            pass
        finally:
            downwards.cancel()
            for each in (writer, below):
                each.close()

    async def _lose(
        self, below: asyncio.StreamWriter, data: bytes, losing: asyncio.Event, downwards: "asyncio.Task[None]"
    ) -> None:
        cut, self.cut = self.cut, Cut.NEVER
        self.commits_cut += 1
        self.closed = cut is Cut.FOR_EVER
        if cut is not Cut.BEFORE:
            losing.set()
            below.write(data)
            await downwards

    async def _answers(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        """Passes the server's answers on. Once the connection is being lost, it reads until the commit is done."""
        with suppress(ConnectionError):
            while data := await above.read(65536):
                if losing.is_set():
                    if DONE in data:
                        return
                    continue
                writer.write(data)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def proxied(database_url: str) -> AsyncIterator[PostgresProxy]:
    """Starts a proxy in front of the server of this URL, which has a Unix socket."""
    address = make_url(database_url)
    proxy = PostgresProxy(f"{address.query['host']}/.s.PGSQL.5432")
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.url = address.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    try:
        yield proxy
    finally:
        server.close()
        for each in proxy.writers:
            each.close()
