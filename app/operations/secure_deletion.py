"""Overwrites deleted rows in the database's files, and reports where it cannot."""

import sqlite3
from typing import Final

from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from models.database import Database
from models.tables import UNSCRUBBED

TIMEOUT_SECONDS: Final = 60
"""How long to wait for a table or for SQLite's write-ahead log. Meanwhile no one else can read it."""

INSUFFICIENT_PRIVILEGE: Final = "42501"
PRIMARY_INDEX: Final = text(
    "SELECT CAST(CAST(indexrelid AS regclass) AS text) FROM pg_index "
    "WHERE indrelid = CAST(CAST(:name AS text) AS regclass) AND indisprimary"
)


async def overwrite_deleted(database: Database) -> list[str]:
    """Overwrites what was deleted since the last success. Returns a sentence for each part that failed."""
    async with database.reading() as connection:
        noted = (await connection.execute(select(UNSCRUBBED))).all()
    names = sorted({row.name for row in noted})
    if not names:
        return []
    undone = await (_vacuum_sqlite(database, names) if database.is_sqlite else _rewrite_postgresql(database, names))
    done = [row.id for row in noted if row.name not in undone]
    for start in range(0, len(done), 500):
        async with database.writing() as connection:
            await connection.execute(delete(UNSCRUBBED).where(UNSCRUBBED.c.id.in_(done[start : start + 500])))
    said = [f"{name} {sentence}; the next run tries again." for name, sentence in undone.items()]
    return said if database.is_sqlite else said + await _checkpoint_postgresql(database)


async def _vacuum_sqlite(database: Database, names: list[str]) -> dict[str, str]:
    """Rewrites the whole file through the write-ahead log, then truncates the log. Returns the failures by table.

    SQLite overwrites the rows that it deletes, but not older copies that it has moved to other pages.
    """
    try:
        async with database.sqlite_writer(TIMEOUT_SECONDS) as writer:
            await writer.execute("VACUUM")
            async with writer.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                (busy, *_) = await cursor.fetchone()
    except (sqlite3.OperationalError, OperationalError) as problem:  # others write all the time, or the disk is full
        failure = problem.orig if isinstance(problem, OperationalError) else problem
        return dict.fromkeys(names, f"was not rewritten ({getattr(failure, 'sqlite_errorname', None)})")
    return dict.fromkeys(names, "may still be in the write-ahead log, which another process is reading") if busy else {}


async def _rewrite_postgresql(database: Database, names: list[str]) -> dict[str, str]:
    """Rewrites each table into a new file, because PostgreSQL keeps the bytes of deleted rows. Returns the failures.

    CLUSTER writes the same file as VACUUM FULL, and in a transaction. So its time limit ends with the transaction, and
    no later user of a pooler's connection has it.
    """
    failed = {}
    for name in names:
        try:
            async with database.writing() as connection:
                await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TIMEOUT_SECONDS}s'")
                index = (await connection.execute(PRIMARY_INDEX, {"name": name})).scalar_one()
                await connection.exec_driver_sql(f"CLUSTER {name} USING {index}")
        except DBAPIError as problem:
            failed[name] = f"was not rewritten ({_reason(problem)})"
    return failed


def _reason(problem: DBAPIError) -> str:
    is_forbidden = getattr(problem.orig, "sqlstate", None) == INSUFFICIENT_PRIVILEGE
    return "only its owner can" if is_forbidden else type(problem.orig).__name__


async def _checkpoint_postgresql(database: Database) -> list[str]:
    """Requests a checkpoint, which removes the old files. Not every role may do that."""
    try:
        async with database.reading() as connection:
            await connection.exec_driver_sql("CHECKPOINT")
    except DBAPIError as problem:
        return [f"No checkpoint was made. The next one removes the old files ({type(problem.orig).__name__})."]
    return []
