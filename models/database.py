"""Connections to SQLite or PostgreSQL: `reading()`, `snapshot()` and `writing()`, a transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.connections.after_commit import committing
from models.connections.connection_limit import connection_slot
from models.connections.postgresql import postgresql_engine
from models.connections.sqlite import IS_WRITER, WAITS, sqlite_engine

LOCK_UNAVAILABLE = frozenset({"55P03", "40P01"})
"""SQLSTATE of a lock that was not free in time, and of a deadlock."""


def waited_too_long(problem: DBAPIError) -> bool:
    """Whether a statement failed because other transactions held a lock."""
    state = getattr(problem.orig, "sqlstate", None)
    return state in LOCK_UNAVAILABLE or "database is locked" in str(problem.orig)


class Database:
    """A database, opened from its URL."""

    def __init__(self, url: str, *, pool: int = 10) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        # the default pool keeps five connections and opens a new one, with a thread, for each further request
        options: dict[str, Any] = {"pool_size": pool, "max_overflow": pool, "hide_parameters": True}
        self.engine = (sqlite_engine if self.is_sqlite else postgresql_engine)(url, **options)
        self._writer = self.engine.execution_options(**{IS_WRITER: True})
        self._impatient_writer = self.engine.execution_options(**{IS_WRITER: True, WAITS: False})
        # a statement sees the data committed before it began, with or without a transaction;
        # without one PostgreSQL saves two round trips per read
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection for reading. Each statement sees the newest data."""
        async with connection_slot(), self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Opens a connection that sees one state of the database for the whole block. It blocks no writer."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        async with connection_slot(), self.engine.execution_options(**level).connect() as connection:
            yield connection

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[AsyncConnection]:
        """Opens a READ COMMITTED transaction, in which locks can be held. On SQLite it reads one state."""
        with committing():
            async with connection_slot(), self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self, *, waits: bool = True, patient: bool = False) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction. It commits when the block ends and rolls back if the block raises.

        On SQLite it raises OperationalError if another transaction is writing: with `waits=False` at once, otherwise
        after BUSY_SECONDS. A patient one never does.
        """
        engine, begun = self._writer if waits else self._impatient_writer, False
        while not begun:
            try:
                with committing():
                    async with connection_slot(), engine.begin() as connection:
                        begun = True
                        yield connection
            except OperationalError as problem:
                if begun or not patient or not waited_too_long(problem):
                    raise

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()
