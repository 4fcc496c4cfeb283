"""Makes the engines of a SQLite database, one for readers and one for the writer: pragmas and the file's mode."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from models.private_files import create_file

BUSY_SECONDS: Final = 5
"""How long SQLite itself waits for a lock. A reader needs one only while the file is opened or recovered."""

PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",  # with NORMAL, a power cut can undo a commit that was answered
    "foreign_keys=ON",
    "secure_delete=ON",
    "recursive_triggers=ON",  # otherwise REPLACE deletes a log entry without firing the trigger against it
)
READER_PRAGMAS: Final = ("query_only=ON",)
WRITER_PRAGMAS: Final = ("busy_timeout=0",)
"""The writer's queue waits for other processes, because it can be cancelled and SQLite's own wait cannot."""


def file_of(url: str) -> Path | None:
    """Returns the file of a SQLite URL, or None if there is none."""
    address = make_url(url)
    is_file = address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:")
    return Path(str(address.database)) if is_file else None


def reader_engine(url: str, **options: Any) -> AsyncEngine:
    """The engine of the readers. Its connections cannot write, so they wait for no writer."""
    return _engine(url, "BEGIN", READER_PRAGMAS, options)


def writer_engine(url: str, **options: Any) -> AsyncEngine:
    """The engine of the writer, with one connection. A transaction takes the write lock when it begins."""
    return _engine(url, "BEGIN IMMEDIATE", WRITER_PRAGMAS, {**options, "pool_size": 1, "max_overflow": 0})


def _engine(url: str, begin_with: str, more_pragmas: tuple[str, ...], options: dict[str, Any]) -> AsyncEngine:
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
        for pragma in (*PRAGMAS, *more_pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "close")
    def end(connection: Any, _record: Any) -> None:
        # a cursor that outlives its cancelled task would keep the transaction open, and with it the write lock
        with contextlib.suppress(RuntimeError):  # no loop runs while the garbage is collected
            asyncio.get_running_loop().create_task(_rolled_back(connection.driver_connection))

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(begin_with)

    return engine


async def _rolled_back(connection: Any) -> None:
    """Ends the transaction of a connection before it closes, because its thread works in the order of the calls."""
    with contextlib.suppress(sqlite3.Error, ValueError):  # it is broken, or has closed
        await connection.rollback()
