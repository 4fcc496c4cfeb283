"""Listens to the events of a database, and records the SQL statements that a block sends to it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import event

from models.database import Database


@contextmanager
def listening(database: Database, name: str, act: Callable[..., None]) -> Iterator[None]:
    """Calls `act` for each event of this name on any connection of the database within the block."""
    engines = [engine.sync_engine for engine in database.engines]
    for engine in engines:
        event.listen(engine, name, act)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, name, act)


@asynccontextmanager
async def recorded_statements(database: Database) -> AsyncIterator[list[str]]:
    """Yields a list that receives the text of every statement sent within the block."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    with listening(database, "before_cursor_execute", note):
        yield statements
