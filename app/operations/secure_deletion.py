"""Overwrites deleted rows in the database's files, and reports where it cannot."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from models.database import Database
from models.tables import UNSCRUBBED

TIMEOUT_SECONDS: Final = 60
"""How long to wait for a table or for SQLite's write-ahead log. Meanwhile no one else can read it."""


async def overwrite_deleted(database: Database) -> list[str]:
    """Overwrites what was deleted since the last success. Returns a sentence for each part that failed."""
    async with database.reading() as connection:
        noted = (await connection.execute(select(UNSCRUBBED))).all()
    names = sorted({row.name for row in noted})
    if not names:
        return []
    undone = await (_vacuum_sqlite(database, names) if database.is_sqlite else _vacuum_postgresql(database, names))
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


async def _vacuum_postgresql(database: Database, names: list[str]) -> dict[str, str]:
    """Rewrites each table into a new file, because PostgreSQL keeps the bytes of deleted rows. Returns the failures."""
    before = await _files(database, names)
    refused = await _failures(database, {name: f"VACUUM FULL {name}" for name in names})
    after = await _files(database, names)
    # if the role does not own a table, PostgreSQL only warns
    same = {name: "only its owner can" for name in names if before[name] == after[name]}
    return {name: f"was not rewritten ({problem})" for name, problem in (same | refused).items()}


async def _files(database: Database, names: list[str]) -> dict[str, int]:
    node = text("SELECT pg_relation_filenode(CAST(CAST(:name AS text) AS regclass))")
    async with database.reading() as connection:
        return {name: (await connection.execute(node, {"name": name})).scalar_one() for name in names}


async def _checkpoint_postgresql(database: Database) -> list[str]:
    """Requests a checkpoint, which removes the old files. Not every role may do that."""
    consequence = "No checkpoint was made. The next one removes the old files"
    refused = await _failures(database, {consequence: "CHECKPOINT"})
    return [f"{sentence} ({problem})." for sentence, problem in refused.items()]


async def _failures(database: Database, statements: Mapping[str, str]) -> dict[str, str]:
    """Runs each statement in its own transaction. Returns the type of the error for each that failed."""
    found = {}
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text(f"SET lock_timeout = '{TIMEOUT_SECONDS}s'"))
        for name, statement in statements.items():
            try:
                await alone.execute(text(statement))
            except DBAPIError as problem:
                found[name] = type(problem.orig).__name__
        await alone.execute(text("RESET lock_timeout"))
    return found
