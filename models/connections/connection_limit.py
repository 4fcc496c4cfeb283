"""Limits how many database connections one request holds at a time, however many fields its document has."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Final

REQUEST_CONNECTIONS: Final = 2

_FREE: Final[ContextVar[asyncio.Semaphore | None]] = ContextVar("connections left to the request", default=None)
_HOLDS_ONE: Final[ContextVar[bool]] = ContextVar("this task holds a connection of the request", default=False)


@contextmanager
def limited_connections(most: int = REQUEST_CONNECTIONS) -> Iterator[None]:
    """The body and the tasks that it starts hold at most this many connections together. Others wait their turn."""
    before = _FREE.set(asyncio.Semaphore(most))
    try:
        yield
    finally:
        _FREE.reset(before)


@asynccontextmanager
async def connection_slot() -> AsyncIterator[None]:
    """Waits until the request may open a connection. A task that holds one does not wait for itself."""
    free = _FREE.get()
    if free is None or _HOLDS_ONE.get():
        yield
        return
    async with free:
        before = _HOLDS_ONE.set(True)
        try:
            yield
        finally:
            _HOLDS_ONE.reset(before)
