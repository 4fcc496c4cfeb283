"""One connection and one transaction at a time: `reading()` never writes, `writing()` commits or leaves no trace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

WRITES = "writes"
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "recursive_triggers=ON",  # else REPLACE deletes an entry of a log without the trigger that refuses it
)


def file_of(url: str) -> Path | None:
    """Where SQLite keeps the database of this address; None where PostgreSQL does."""
    address = make_url(url)
    return Path(address.database) if address.database and address.get_backend_name() == "sqlite" else None


class Database:
    """An engine for SQLite or PostgreSQL, by its address."""

    def __init__(self, url: str, *, pool: int = 10) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        # the usual pool keeps five: whoever comes beyond them makes a connection, thread and all, for one request
        options: dict[str, Any] = {"pool_size": pool, "max_overflow": pool, "hide_parameters": True}
        self.engine = self._sqlite(url, **options) if self.is_sqlite else create_async_engine(url, **options)
        self._writer = self.engine.execution_options(**{WRITES: True})
        # each statement sees what had committed when it began, with or without a transaction around it: without one
        # PostgreSQL is spared two round trips a reading
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @staticmethod
    def _sqlite(url: str, **options: Any) -> AsyncEngine:
        if file := file_of(url):
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(url, connect_args={"timeout": 30}, **options)

        @event.listens_for(engine.sync_engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # the driver's own BEGIN comes too late to lock out a second writer
            cursor = connection.cursor()
            for pragma in PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Any) -> None:
            writes = connection.get_execution_options().get(WRITES)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading."""
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """One state of the database for all that is read in the block, however long; it keeps no writer waiting."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        async with self.engine.execution_options(**level).connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        async with self._writer.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Gives every connection back to the system."""
        await self.engine.dispose()
