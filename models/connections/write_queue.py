"""The queue of a process for SQLite's one writer: first come, first served, with a bounded wait."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from models.connections.measured_pool import WAITING
from models.connections.unavailable import is_busy

PAUSES: Final = (0.001, 0.002, 0.005, 0.01, 0.02)
"""Seconds between the attempts to begin while another process writes. The last one repeats."""


class WriteQueue:
    """Lets the transactions that write begin one by one, on the one connection that writes.

    A transaction that waits holds no connection and no thread, so readers do not notice it.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def writing(self, wait_seconds: float | None) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction that commits when the block ends. Raises OperationalError if it cannot begin in time.

        Without `wait_seconds` it waits as long as needed.
        """
        until = None if wait_seconds is None else asyncio.get_running_loop().time() + wait_seconds
        async with self._connection(until) as connection:
            transaction = await _begin(connection, until)
            yield connection
            try:
                await transaction.commit()
            except BaseException:
                await transaction.rollback()  # the one connection must not stay in the transaction
                raise

    @asynccontextmanager
    async def without_transaction(self, wait_seconds: int) -> AsyncIterator[Any]:
        """Opens the driver's connection that writes. Each statement waits that long for a lock."""
        async with self._connection(asyncio.get_running_loop().time() + wait_seconds) as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await (await raw.execute(f"PRAGMA busy_timeout = {1000 * wait_seconds}")).close()
            try:
                yield raw
            finally:
                await (await raw.execute("PRAGMA busy_timeout = 0")).close()

    @asynccontextmanager
    async def _connection(self, until: float | None) -> AsyncIterator[AsyncConnection]:
        try:
            with WAITING.track_inprogress():
                async with asyncio.timeout_at(until):
                    await self._turn.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            async with self.engine.connect() as connection:
                yield connection
        finally:
            self._turn.release()


async def _begin(connection: AsyncConnection, until: float | None) -> AsyncTransaction:
    """Takes the write lock of the file, for which transactions of other processes compete."""
    for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
        try:
            return await connection.begin()
        except OperationalError as problem:
            too_late = until is not None and asyncio.get_running_loop().time() + pause > until
            if too_late or not is_busy(problem.orig):
                raise
        await asyncio.sleep(pause)
    raise AssertionError("the pauses have no end")


def _busy() -> OperationalError:
    """The failure that SQLite itself reports, for a transaction whose turn did not come."""
    refusal = sqlite3.OperationalError("database is locked")
    refusal.sqlite_errorcode, refusal.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
    return OperationalError("BEGIN IMMEDIATE", {}, refusal)
