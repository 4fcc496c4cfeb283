"""Connections to SQLite or PostgreSQL: `reading()`, `snapshot()` and `writing()`, a transaction."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from models.connection_limit import connection_slot
from models.private_files import create_file

IS_WRITER = "writes"
WAITS = "waits"
BUSY_SECONDS = 30
"""How long a writer waits for another one on SQLite."""
LOCK_UNAVAILABLE = frozenset({"55P03", "40P01"})
"""SQLSTATE of a lock that was not free in time, and of a deadlock."""

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "recursive_triggers=ON",  # otherwise REPLACE deletes a log entry without firing the trigger against it
)


def file_of(url: str) -> Path | None:
    """Returns the file of a SQLite URL, or None if there is none."""
    address = make_url(url)
    is_file = address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:")
    return Path(str(address.database)) if is_file else None


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
        self.engine = self._sqlite(url, **options) if self.is_sqlite else self._postgresql(url, **options)
        self._writer = self.engine.execution_options(**{IS_WRITER: True})
        self._impatient_writer = self.engine.execution_options(**{IS_WRITER: True, WAITS: False})
        # a statement sees the data committed before it began, with or without a transaction;
        # without one PostgreSQL saves two round trips per read
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @staticmethod
    def _postgresql(url: str, **options: Any) -> AsyncEngine:
        # an authority is read again after its lock was waited for, so the server's own default must not apply
        return create_async_engine(url, isolation_level="READ COMMITTED", **options)

    @staticmethod
    def _sqlite(url: str, **options: Any) -> AsyncEngine:
        engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS}, **options)

        @event.listens_for(engine.sync_engine, "do_connect")
        def create(*_: Any) -> None:
            # SQLite would create the file with the rights of the umask; its other files inherit those of this one
            if (file := file_of(url)) and not file.exists():
                with contextlib.suppress(FileExistsError):
                    create_file(file.resolve()).close()

        @event.listens_for(engine.sync_engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # the driver's BEGIN comes too late to stop a second writer
            cursor = connection.cursor()
            for pragma in PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def begin(connection: Any) -> None:
            options = connection.get_execution_options()
            if options.get(WAITS, True):
                connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(IS_WRITER) else "BEGIN")
                return
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

        return engine

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
                async with connection_slot(), engine.begin() as connection:
                    begun = True
                    yield connection
            except OperationalError as problem:
                if begun or not patient or not waited_too_long(problem):
                    raise

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()
