"""Connections to SQLite or PostgreSQL: `reading()`, `snapshot()` and `writing()`, a transaction."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.connections.after_commit import committing
from models.connections.commit import note_commit, transaction
from models.connections.connection_limit import connection_slot
from models.connections.measured_pool import MeasuredPool
from models.connections.postgresql import PREPARED_STATEMENTS, postgresql_engines
from models.connections.probe import Probe, probe_postgresql, probe_sqlite
from models.connections.sqlite import file_of, reader_engine, writer_engine
from models.connections.time_limits import REQUEST_LIMITS, TimeLimits
from models.connections.write_queue import WriteQueue

WRITE_WAIT_SECONDS: Final = 4
"""How long a transaction on SQLite waits for those that write before it, unless it is patient."""


class Database:
    """A database, opened from its URL."""

    def __init__(
        self,
        url: str,
        *,
        pool: int = 10,
        limits: TimeLimits = REQUEST_LIMITS,
        prepared_statements: int = PREPARED_STATEMENTS,
    ) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        # the default pool keeps five connections and opens a new one, with a thread, for each further request
        options: dict[str, Any] = {"pool_size": pool, "max_overflow": pool, "hide_parameters": True}
        self._spare: AsyncEngine | None = None
        options["poolclass"] = MeasuredPool
        options["json_deserializer"] = orjson.loads  # a page of the directory can hold 6 MB of public pages
        if self.is_sqlite:
            self.engine = self._reader = reader_engine(url, **options)
        else:
            self.engine, self._reader = postgresql_engines(url, limits, prepared_statements, **options)
            options |= {"pool_size": 1, "max_overflow": 1, "poolclass": None}
            self._spare, _ = postgresql_engines(url, limits, prepared_statements, **options)
        self.write_wait_seconds: float = WRITE_WAIT_SECONDS
        self._queue = (
            WriteQueue(writer_engine(url, hide_parameters=True, poolclass=MeasuredPool)) if self.is_sqlite else None
        )

    @property
    def engines(self) -> tuple[AsyncEngine, ...]:
        """Every engine that sends statements. SQLite has a second one, for the connection that writes."""
        return (self.engine, self._queue.engine) if self._queue else (self.engine,)

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
    async def writing(self, *, patient: bool = False) -> AsyncIterator[AsyncConnection]:
        """Opens a transaction. It commits when the block ends and rolls back if the block raises.

        Raises CommitOutcomeUnknown if the connection was lost during COMMIT and PostgreSQL does not tell what became
        of it. On SQLite it raises OperationalError if others write for longer than `write_wait_seconds`. A patient one
        waits.
        """
        wait = None if patient else self.write_wait_seconds
        opened = self._queue.writing(wait) if self._queue else transaction(self.engine)
        with committing():
            async with connection_slot(), opened as connection:
                yield connection
            note_commit()

    def sqlite_writer(self, wait_seconds: int) -> AbstractAsyncContextManager[Any]:
        """Opens SQLite's connection that writes, as the driver has it, for statements that no transaction may hold."""
        if self._queue is None:
            raise TypeError("Only SQLite has one connection that writes.")
        return self._queue.without_transaction(wait_seconds)

    async def probe(self) -> Probe | None:
        """Tries to read and to write, on a connection that no request uses. Returns None for a database in memory."""
        return await (probe_postgresql(self._spare) if self._spare else probe_sqlite(file_of(self.url)))

    async def close(self) -> None:
        """Closes every connection."""
        for engine in (*self.engines, *([self._spare] if self._spare else [])):
            await engine.dispose()
