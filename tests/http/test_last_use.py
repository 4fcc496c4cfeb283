"""The use of a token is recorded after the answer. A request never writes, waits or fails for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from models.database import Database
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens import last_uses
from tests.statements import recorded_statements
from tests.world import World

VIEWER = "{ viewer { role } }"


async def last_use(world: World) -> Any:
    async with world.services.database.reading() as connection:
        return (await connection.execute(select(ACCESS_TOKENS.c.last_used_at))).scalar_one()


async def test_a_read_needs_no_write(world: World) -> None:
    _, token = await world.member("p@example.org")
    async with recorded_statements(world.services.database) as statements:
        await world.data(VIEWER, token)
    assert [each for each in statements if not each.startswith(("SELECT", "BEGIN", "PRAGMA"))] == []
    assert "BEGIN IMMEDIATE" not in statements
    assert await last_use(world) is None
    await world.record_uses()
    assert await last_use(world) is not None


async def test_a_read_answers_beside_a_writer(world: World) -> None:
    _, token = await world.member("p@example.org")
    async with world.services.database.writing() as writer:
        await writer.execute(update(ACCESS_TOKENS).values(name="locked"))
        assert (await world.data(VIEWER, token))["viewer"]["role"] == "MEMBER"


async def test_a_change_waits_for_a_writer_after_uses_were_noted(world: World) -> None:
    _, token = await world.member("p@example.org")
    async with world.services.database.writing() as writer:
        await writer.execute(update(ACCOUNTS).values(created_at=ACCOUNTS.c.created_at))
        for _ in range(3):
            await world.data(VIEWER, token)
        waiting = asyncio.create_task(world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", token))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    assert (await waiting)["withdrawConsent"]["__typename"] == "ConsentChanged"


@pytest.mark.parametrize("problem", [OperationalError("", {}, Exception("read-only")), OSError(), RuntimeError()])
async def test_a_use_that_cannot_be_recorded_is_logged_and_noted_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: Exception
) -> None:
    _, token = await world.member("p@example.org")

    @asynccontextmanager
    async def fails(_self: Database, **_options: Any) -> AsyncIterator[Any]:
        raise problem
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", fails)
        assert (await world.data(VIEWER, token))["viewer"]["role"] == "MEMBER"
        await world.record_uses()
    assert "uses of tokens were not recorded" in caplog.text
    await world.record_uses()
    assert await last_use(world) is None, "the note was dropped"
    await world.data(VIEWER, token)
    await world.record_uses()
    assert await last_use(world) is not None


async def test_a_locked_token_is_left_out_and_the_others_are_recorded(world: World) -> None:
    """On SQLite the transaction waits in line."""
    tokens = [(await world.member(f"p{n}@example.org"))[1] for n in range(3)]
    for token in tokens:
        await world.data(VIEWER, token)
    database = world.services.database
    locked = select(ACCESS_TOKENS.c.id).order_by(ACCESS_TOKENS.c.id).limit(1).with_for_update()
    async with database.writing() as writer:
        await writer.execute(locked)
        recording = asyncio.create_task(world.record_uses())
        if not database.is_sqlite:
            await recording
    await recording
    async with database.reading() as connection:
        used = (await connection.execute(select(ACCESS_TOKENS.c.last_used_at).order_by(ACCESS_TOKENS.c.id))).scalars()
        assert [at is not None for at in used] == [database.is_sqlite, True, True]


async def test_an_earlier_use_does_not_replace_a_later_one(world: World) -> None:
    _, token = await world.member("p@example.org")
    await world.data(VIEWER, token)
    later = world.services.now()
    async with world.services.database.writing() as other:
        await other.execute(update(ACCESS_TOKENS).values(last_used_at=later))
    await world.record_uses()
    assert await last_use(world) == later


async def test_the_uses_that_wait_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_uses, "MOST", 2)
    tokens = [(await world.member(f"p{n}@example.org"))[1] for n in range(3)]
    for token in tokens:
        await world.data(VIEWER, token)
    await world.record_uses()
    async with world.services.database.reading() as connection:
        used = (await connection.execute(select(ACCESS_TOKENS.c.last_used_at))).scalars()
        assert sum(at is not None for at in used) == 2


async def test_a_running_process_records_uses_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_uses, "PAUSE_SECONDS", 0)
    recorded = asyncio.Event()
    stock = last_uses.LastUses.record

    async def record(self: last_uses.LastUses, database: Database) -> None:
        await stock(self, database)
        recorded.set()

    monkeypatch.setattr(last_uses.LastUses, "record", record)
    _, token = await world.member("p@example.org")
    running = asyncio.create_task(world.services.last_uses.record_forever(world.services.database))
    await world.data(VIEWER, token)
    await recorded.wait()
    running.cancel()
    assert await last_use(world) is not None
