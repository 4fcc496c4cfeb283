"""Visitors take turns, so that a crowd of them that signs in at once leaves everybody else their pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

AT_ONCE: Final = 1
"""Visitors' requests that one process works on at a time."""

PATIENCE_SECONDS: Final = 0.5
"""A turn is a courtesy to others: who has waited so long goes on without."""


class Turn:
    """One request's place among those that are worked on."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self.held = False

    async def take(self) -> None:
        """Waits for it, in the order of asking."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            return
        self.held = True

    def give_up(self) -> None:
        """Lets the next one have it."""
        if self.held:
            self.held = False
            self._free.release()


TURN: Final[ContextVar[Turn | None]] = ContextVar("turn", default=None)


class Turns:
    """One process's turns."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """What is done within is done in turn."""
        mine = Turn(self._free)
        before = TURN.set(mine)
        try:
            await mine.take()
            yield
        finally:
            mine.give_up()
            TURN.reset(before)


@asynccontextmanager
async def standing_aside() -> AsyncIterator[None]:
    """While something long is waited for that needs no work here, another has the turn, where there is one."""
    mine = TURN.get()
    if mine is None or not mine.held:
        yield
        return
    mine.give_up()
    try:
        yield
    finally:
        await mine.take()
