"""Limits how many requests without credentials run at once, so that a burst of sign-ins does not slow everyone else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

CONCURRENT_REQUESTS: Final = 1
"""Requests without credentials that one process works on at a time."""

MAX_WAIT_SECONDS: Final = 0.5
"""A request that has waited this long runs without a slot."""


class Slot:
    """The place of one request among those that run."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self.held = False

    async def acquire(self) -> None:
        """Waits for the slot, first come, first served; gives up after MAX_WAIT_SECONDS."""
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            return
        self.held = True

    def release(self) -> None:
        """Frees the slot for the next request, if this request holds it."""
        if self.held:
            self.held = False
            self._free.release()


CURRENT_SLOT: Final[ContextVar[Slot | None]] = ContextVar("slot", default=None)


class AnonymousQueue:
    """The queue of one process. Known devices have a separate lane, which strangers cannot fill."""

    def __init__(self, concurrent_requests: int = CONCURRENT_REQUESTS) -> None:
        self._free = asyncio.Semaphore(concurrent_requests)
        self._free_for_known = asyncio.Semaphore(concurrent_requests)

    @asynccontextmanager
    async def slot(self, *, known_device: bool = False) -> AsyncIterator[None]:
        """Runs the body in a slot of the queue."""
        slot = Slot(self._free_for_known if known_device else self._free)
        before = CURRENT_SLOT.set(slot)
        try:
            await slot.acquire()
            yield
        finally:
            slot.release()
            CURRENT_SLOT.reset(before)


@asynccontextmanager
async def slot_released() -> AsyncIterator[None]:
    """Releases the slot of this request while the body waits for something else, then acquires it again."""
    slot = CURRENT_SLOT.get()
    if slot is None or not slot.held:
        yield
        return
    slot.release()
    try:
        yield
    finally:
        await slot.acquire()
