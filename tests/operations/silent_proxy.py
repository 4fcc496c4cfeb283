"""A TCP proxy before PostgreSQL that swallows what passes, as a broken network does: no byte, no end, no error."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from queue import Queue

from sqlalchemy.engine import URL, make_url


@dataclass
class SilentProxy:
    """Passes bytes on, until the connections that are open, or all of them, go silent."""

    path: str
    new_are_silent: bool = False
    generation: int = 0
    swallowed: threading.Event = field(default_factory=threading.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def silence(self) -> None:
        """Swallows what the connections that are open now still send."""
        self.generation += 1

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connects a client."""
        self.writers.append(writer)
        if self.new_are_silent:
            return
        back_reader, back_writer = await asyncio.open_unix_connection(self.path)
        self.writers.append(back_writer)
        mine = self.generation
        await asyncio.gather(self._pump(reader, back_writer, mine), self._pump(back_reader, writer, mine))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, mine: int) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if mine == self.generation:
                    sink.write(data)
                else:
                    self.swallowed.set()
            if mine == self.generation:
                sink.close()


@asynccontextmanager
async def silent_proxy(url: str) -> AsyncIterator[tuple[SilentProxy, str]]:
    """A proxy before the server of this URL, and the URL through it."""
    address = make_url(url)
    proxy = SilentProxy(socket_of(address))
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through = address.set(host="127.0.0.1", port=port, query={"sslmode": "disable"})
    yield proxy, through.render_as_string(hide_password=False)
    server.close()
    for writer in proxy.writers:
        writer.transport.abort()
    await asyncio.sleep(0)  # the transports close their sockets


@contextmanager
def silent_proxy_thread(url: str) -> Iterator[tuple[SilentProxy, str]]:
    """The same on a thread, for a test that waits for other processes."""
    opened: Queue[tuple[SilentProxy, str]] = Queue()
    done = threading.Event()

    async def run() -> None:
        async with silent_proxy(url) as pair:
            opened.put(pair)
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield opened.get()
    finally:
        done.set()
        thread.join()


def socket_of(address: URL) -> str:
    """The path of the socket of a server that listens on one."""
    return f"{address.query['host']}/.s.PGSQL.{address.port or 5432}"
