"""Makes the engine of a SQLite database: pragmas, file mode, and how a writer waits for another one."""

import contextlib
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from models.private_files import create_file

IS_WRITER: Final = "writes"
WAITS: Final = "waits"
BUSY_SECONDS: Final = 30
"""How long a writer waits for another one."""

PRAGMAS: Final = (
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


def sqlite_engine(url: str, **options: Any) -> AsyncEngine:
    """The engine. A transaction with the option IS_WRITER takes the write lock when it begins."""
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
