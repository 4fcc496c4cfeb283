"""A transaction that acts sees what was committed before each statement, on a server with any default."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.tables import PROFILES
from tests.world import World, world_of

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

Opened = Callable[[Database], AbstractAsyncContextManager[AsyncConnection]]

ACTING: Final[dict[str, Opened]] = {
    "acting": Database.acting,
    "writing": Database.writing,
    "writing patiently": lambda database: database.writing(patient=True),
}
EARLIER: Final[dict[str, Opened]] = {"reading": Database.reading, "snapshot": Database.snapshot}


@pytest.fixture(params=["read committed", "repeatable read", "serializable"])
async def strict(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database with one connection, on a server with this default."""
    async with database.writing() as connection:
        name = database.engine.url.database
        await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = '{request.param}'"))
    strict = Database(database.url, pool=1)
    yield strict
    await strict.close()


async def test_each_statement_of_one_that_acts_sees_the_newest_data(database: Database, strict: Database) -> None:
    world: World = world_of(database)
    id = await world.person("p@example.org")
    about = select(PROFILES.c.about).where(PROFILES.c.subject_id == id)
    for earlier in EARLIER.values():
        for name, opened in ACTING.items():
            async with earlier(strict) as connection:
                await connection.execute(about)
            async with opened(strict) as connection:
                await connection.execute(about)
                async with database.writing() as other:
                    await other.execute(update(PROFILES).where(PROFILES.c.subject_id == id).values(about=name))
                assert (await connection.execute(about)).scalar_one() == name
    world.services.hashing.close()


async def test_each_statement_of_a_snapshot_sees_one_state(database: Database, strict: Database) -> None:
    world: World = world_of(database)
    id = await world.person("p@example.org")
    about = select(PROFILES.c.about).where(PROFILES.c.subject_id == id)
    for earlier in ACTING.values():
        async with earlier(strict) as connection:
            await connection.execute(about)
        async with strict.snapshot() as connection:
            first = (await connection.execute(about)).scalar_one()
            async with database.writing() as other:
                await other.execute(update(PROFILES).where(PROFILES.c.subject_id == id).values(about=f"not {first}"))
            assert (await connection.execute(about)).scalar_one() == first
    world.services.hashing.close()
