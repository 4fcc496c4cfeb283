"""The database refuses to change or delete ledger entries."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from models.columns import UtcDateTime
from models.tables import (
    CONSENT_RECORDS,
    DISCLOSURES,
    READINGS,
)
from tests.ledger.readers import Readers, read_by_all
from tests.ledger.stored import entries, execute

START = datetime(2026, 12, 1, tzinfo=UTC)


LOG_TABLES = {table.name: table for table in (CONSENT_RECORDS, DISCLOSURES, READINGS)}


@pytest.mark.parametrize("log", LOG_TABLES)
async def test_the_database_refuses_to_change_an_entry(readers: Readers, log: str) -> None:
    await read_by_all(readers)
    table = LOG_TABLES[log]
    others: dict[Any, Any] = {int: 7, bool: False}
    for column in table.columns:
        if column.name in ("reason", "salt"):
            continue
        other = START if isinstance(column.type, UtcDateTime) else others.get(column.type.python_type, "x")
        for value in (other, column):
            with pytest.raises(DBAPIError, match="append-only"):
                await execute(readers.world, update(table).values({column.name: value}))


@pytest.mark.parametrize("table", LOG_TABLES)
async def test_the_database_refuses_to_delete_an_entry(readers: Readers, backend: str, table: str) -> None:
    await read_by_all(readers)
    statements = [f"DELETE FROM {table}", f"DELETE FROM {table} WHERE sequence = 1"]
    if backend == "postgresql":
        statements.append(f"TRUNCATE {table}")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"):
            await execute(readers.world, text(statement))
    assert len(await entries(readers.world)) == 3


@pytest.mark.parametrize("log", LOG_TABLES)
async def test_the_database_refuses_to_replace_an_entry(readers: Readers, log: str) -> None:
    """SQLite would replace a row by its key or by its rowid."""
    await read_by_all(readers)
    if not readers.world.services.database.is_sqlite:
        return
    columns = ", ".join(column.name for column in LOG_TABLES[log].columns)
    elsewhere = columns.replace("sequence", "sequence + 1000", 1)
    for added, values in (("", columns), ("rowid, ", f"rowid, {elsewhere}")):
        statement = f"INSERT OR REPLACE INTO {log} ({added}{columns}) SELECT {values} FROM {log}"
        with pytest.raises(DBAPIError, match="append-only"):
            await execute(readers.world, text(statement))
