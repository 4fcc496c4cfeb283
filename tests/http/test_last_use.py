"""A request records the use of its token if it can. It never waits or fails for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS
from tests.world import World

VIEWER = "{ viewer { role } }"
LONGEST = 20
"""A writer on SQLite waits 30 seconds for another one."""


async def last_use(world: World) -> Any:
    async with world.services.database.reading() as connection:
        return (await connection.execute(select(ACCESS_TOKENS.c.last_used_at))).scalar_one()


async def test_a_read_answers_beside_a_writer(world: World) -> None:
    _, token = await world.member("p@example.org")
    async with world.services.database.writing() as writer:
        await writer.execute(update(ACCESS_TOKENS).values(name="locked"))
        async with asyncio.timeout(LONGEST):
            assert (await world.data(VIEWER, token))["viewer"]["role"] == "MEMBER"
    assert await last_use(world) is None
    await world.data(VIEWER, token)
    assert await last_use(world) is not None, "the next request records the use"


async def test_other_writers_still_wait_after_a_use_was_not_recorded(world: World) -> None:
    _, token = await world.member("p@example.org")
    database = world.services.database
    async with database.writing() as writer:
        await writer.execute(update(ACCESS_TOKENS).values(name="locked"))
        await writer.execute(update(ACCOUNTS).values(created_at=ACCOUNTS.c.created_at))
        for _ in range(3):
            await world.data(VIEWER, token)
        waiting = asyncio.create_task(world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", token))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    assert (await waiting)["withdrawConsent"]["__typename"] == "ConsentChanged"


async def test_a_use_that_cannot_be_recorded_fails_no_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = await world.member("p@example.org")

    @asynccontextmanager
    async def read_only(_self: Database, *, waits: bool = True) -> AsyncIterator[Any]:
        raise OperationalError("", {}, Exception("attempt to write a readonly database"))
        yield

    monkeypatch.setattr(Database, "writing", read_only)
    assert (await world.data(VIEWER, token))["viewer"]["role"] == "MEMBER"
    assert await last_use(world) is None
