"""Tries whether a database can be read and written, without leaving a row and without waiting for others."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from models.connections.unavailable import is_busy, is_unavailable, waited_too_long

LEAST_FREE_BYTES: Final = 1_000_000
"""With less free space on its disk, a SQLite database is full."""

READ: Final = "SELECT version_num FROM alembic_version"
WRITE: Final = "UPDATE alembic_version SET version_num = version_num"
LOCK_WAIT: Final = "SET LOCAL lock_timeout = '100ms'"


class Writes(StrEnum):
    """Whether a database can be written."""

    YES = "yes"
    NO = "no"
    BUSY = "busy"
    """Someone else writes at the moment."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe has found: the revision of the schema, or None if it has none, and whether writes work."""

    revision: str | None
    writes: Writes


async def probe_postgresql(engine: AsyncEngine) -> Probe:
    """Probes a server. Raises an error if it cannot be read."""
    async with engine.connect() as connection:
        try:
            revision: str | None = (await connection.exec_driver_sql(READ)).scalar_one_or_none()
        except DBAPIError as problem:
            if is_unavailable(problem):
                raise
            return Probe(None, Writes.YES)
        return Probe(revision, await _writes(connection))


async def _writes(connection: AsyncConnection) -> Writes:
    """Changes a row to what it was. The transaction is rolled back."""
    try:
        await connection.exec_driver_sql(LOCK_WAIT)
        await connection.exec_driver_sql(WRITE)
    except DBAPIError as problem:
        if waited_too_long(problem):
            return Writes.BUSY
        # a role that may not write this table may write others
        return Writes.NO if is_unavailable(problem) else Writes.YES
    return Writes.YES


async def probe_sqlite(file: Path | None) -> Probe | None:
    """Probes a file. Raises an error if it cannot be read. Returns None for a database in memory."""
    return await asyncio.to_thread(_probed, file) if file else None


def _probed(file: Path) -> Probe:
    with _opened(file) as connection:
        try:
            row = connection.execute(READ).fetchone()
        except sqlite3.OperationalError as problem:
            if is_unavailable(problem):
                raise
            return Probe(None, Writes.YES)
        return Probe(row[0] if row else None, _writes_of(connection, file))


def _writes_of(connection: sqlite3.Connection, file: Path) -> Writes:
    if shutil.disk_usage(file.parent).free < LEAST_FREE_BYTES:
        return Writes.NO
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(WRITE)
    except sqlite3.OperationalError as problem:
        return Writes.BUSY if is_busy(problem) else Writes.NO
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return Writes.YES


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    address = f"{file.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, timeout=0, isolation_level=None, uri=True)) as connection:
        yield connection
