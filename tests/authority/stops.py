"""Stops a database between statements, and waits until a transaction waits for a lock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.util import await_only

from models.database import Database
from tests import statements

WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@dataclass
class Stop:
    """The first statement that matches: `reached` once it is next, and sent after `onward` is set."""

    matches: Callable[[str], bool]
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    onward: asyncio.Event = field(default_factory=asyncio.Event)

    def before(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """Waits in front of the statement."""
        if not self.reached.is_set() and self.matches(statement):
            self.reached.set()
            await_only(self.onward.wait())


@contextmanager
def listening(database: Database, stop: Stop) -> Iterator[Stop]:
    """Stops the statements of the database within the block."""
    with statements.listening(database, "before_cursor_execute", stop.before):
        try:
            yield stop
        finally:
            stop.onward.set()


@asynccontextmanager
async def stopped(database: Database, *parts: str) -> AsyncIterator[Stop]:
    """Stops the first statement that contains all parts."""
    with listening(database, Stop(lambda statement: all(part in statement for part in parts))) as stop:
        yield stop


async def until_waiting(database: Database, task: asyncio.Task[Any]) -> None:
    """Waits until a transaction of the database waits for a lock. Fails if the task ends instead."""
    async with database.reading() as connection:
        while not (await connection.execute(WAITING)).scalar_one():
            assert not task.done(), f"it did not wait: {task.result()}"
            await asyncio.sleep(0.005)
