"""PostgreSQL goes silent, breaks or keeps others waiting: this costs the requests that meet it, for a known time."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from models.connections import postgresql
from models.connections.time_limits import TimeLimits
from models.connections.unavailable import waited_too_long
from models.database import Database
from tests.operations.silent_proxy import silent_proxy

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

SHORT = TimeLimits(connect=0.5, pool=0.3, statement=0.5, lock=0.2, idle=30, network=5)
GUARD = 60
"""Far more than any limit: a test that waits for ever fails."""
PID = text("SELECT pg_backend_pid()")


@pytest.fixture(autouse=True)
def each_use_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks the server about each connection before its use, not only after a second without use."""
    monkeypatch.setattr(postgresql, "UNCHECKED_SECONDS", 0)
    monkeypatch.setattr(postgresql, "PING_SECONDS", 0.3)


@asynccontextmanager
async def opened(url: str, limits: TimeLimits = SHORT, **options: Any) -> AsyncIterator[Database]:
    """A database with short limits."""
    database = Database(url, limits=limits, **options)
    try:
        yield database
    finally:
        async with asyncio.timeout(GUARD):
            await database.close()


async def pid(database: Database) -> int:
    """Reads something: the server process that answers."""
    async with asyncio.timeout(GUARD), database.reading() as connection:
        return int((await connection.execute(PID)).scalar_one())


async def pids(database: Database, count: int) -> set[int]:
    """Opens so many connections at once and gives them back."""
    everyone = asyncio.Barrier(count)

    async def one() -> int:
        async with database.reading() as connection:
            await everyone.wait()
            return int((await connection.execute(PID)).scalar_one())

    return set(await asyncio.gather(*(one() for _ in range(count))))


@pytest.mark.parametrize("way", ["reading", "writing", "snapshot", "acting"])
async def test_a_connection_that_goes_silent_fails_its_user_and_no_other(database_url: str, way: str) -> None:
    async with silent_proxy(database_url) as (proxy, url), opened(url) as database:
        idle = await pids(database, 3)

        async def use() -> None:
            async with asyncio.timeout(GUARD), getattr(database, way)() as connection:
                await connection.execute(PID)
                proxy.silence()
                await connection.execute(PID)

        with pytest.raises(TimeoutError):
            await use()
        assert await pid(database) not in idle
        assert not await pids(database, 3) & idle


async def test_idle_connections_that_went_silent_cost_no_request(database_url: str) -> None:
    async with silent_proxy(database_url) as (proxy, url), opened(url) as database:
        silent = await pids(database, 5)
        proxy.silence()
        assert not await pids(database, 5) & silent


async def test_a_server_that_accepts_and_says_nothing_is_given_up_and_tried_again(database_url: str) -> None:
    async with silent_proxy(database_url) as (proxy, url), opened(url) as database:
        await pid(database)
        proxy.silence()
        proxy.new_are_silent = True
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await pid(database)
        proxy.new_are_silent = False
        assert await pid(database)


async def test_closing_does_not_wait_for_silent_connections(database_url: str) -> None:
    async with silent_proxy(database_url) as (proxy, url):
        async with opened(url, replace(SHORT, statement=600)) as database:
            await pids(database, 5)
            proxy.silence()
            proxy.new_are_silent = True
        assert database.engine.pool.checkedin() == 0  # type: ignore[attr-defined]


async def test_a_request_that_is_cancelled_on_a_silent_connection_ends(database_url: str) -> None:
    async with silent_proxy(database_url) as (proxy, url), opened(url, replace(SHORT, statement=600)) as database:
        await pid(database)
        reached = asyncio.Event()

        async def ask() -> None:
            async with database.reading() as connection:
                await connection.execute(PID)
                proxy.silence()
                proxy.new_are_silent = True
                reached.set()
                await connection.execute(PID)

        asking = asyncio.create_task(ask())
        await reached.wait()
        await asyncio.sleep(0)
        asking.cancel()
        async with asyncio.timeout(GUARD):
            await asyncio.wait([asking])
        assert asking.cancelled()
        proxy.new_are_silent = False
        assert await pid(database)


async def test_a_server_process_that_stops_costs_one_request(database_url: str) -> None:
    async with opened(database_url) as database:
        stopped = await pid(database)

        async def use() -> None:
            async with asyncio.timeout(GUARD), database.writing() as connection:
                assert (await connection.execute(PID)).scalar_one() == stopped
                os.kill(stopped, signal.SIGSTOP)
                await connection.execute(PID)

        try:
            with pytest.raises(TimeoutError):
                await use()
            assert await pid(database) != stopped
        finally:
            os.kill(stopped, signal.SIGCONT)


async def test_ended_server_processes_cost_no_later_request(database_url: str, database: Database) -> None:
    async with opened(database_url) as mine:
        ended = await pids(mine, 3)
        async with database.reading() as connection:
            for each in ended:
                await connection.execute(text(f"SELECT pg_terminate_backend({each}, 5000)"))
        assert not await pids(mine, 3) & ended


async def test_a_slow_statement_is_ended_by_the_server_and_the_connection_is_kept(database_url: str) -> None:
    async with opened(database_url) as database:
        before = await pid(database)
        with pytest.raises(DBAPIError) as caught:
            async with database.writing() as connection:
                await connection.execute(text("SELECT pg_sleep(30)"))
        assert getattr(caught.value.orig, "sqlstate", None) == "57014"
        assert await pid(database) == before


async def test_a_slow_read_is_cancelled_on_the_server(database_url: str, database: Database) -> None:
    running = text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(31)%' AND pid <> pg_backend_pid()"
    )
    async with opened(database_url) as mine:
        with pytest.raises(TimeoutError):
            async with mine.reading() as connection:
                await connection.execute(text("SELECT pg_sleep(31)"))
        async with asyncio.timeout(GUARD), database.reading() as connection:
            while (await connection.execute(running)).scalar_one():  # noqa: ASYNC110  # the server changes it
                await asyncio.sleep(0.01)


async def test_a_lock_is_waited_for_only_so_long(database_url: str) -> None:
    async with opened(database_url) as database, database.writing() as holder:
        await holder.execute(text("LOCK TABLE accounts IN EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError) as caught:
            async with database.writing() as waiter:
                await waiter.execute(text("LOCK TABLE accounts IN EXCLUSIVE MODE"))
        assert waited_too_long(caught.value)


async def test_a_transaction_that_is_left_alone_releases_its_locks(database_url: str, database: Database) -> None:
    async with opened(database_url, replace(SHORT, idle=0.1)) as mine:

        async def freeze() -> None:
            async with mine.writing() as frozen:
                await frozen.execute(text("LOCK TABLE accounts IN EXCLUSIVE MODE"))
                async with database.writing() as other:  # waits until the server has ended the first
                    await other.execute(text("LOCK TABLE accounts IN EXCLUSIVE MODE"))
                await frozen.execute(PID)

        with pytest.raises(DBAPIError):
            await freeze()
        assert await pid(mine)


async def test_a_request_waits_for_a_connection_only_so_long(database_url: str) -> None:
    async with opened(database_url, pool=1) as database:
        async with database.reading(), database.reading():
            with pytest.raises(PoolTimeoutError):
                await pid(database)
        assert await pid(database)


@pytest.mark.parametrize("way", ["writing", "snapshot", "acting"])
async def test_time_limits_hold_for_one_transaction(database_url: str, way: str) -> None:
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    limits = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    async with opened(database_url) as database:
        async with getattr(database, way)() as connection:
            assert tuple((await connection.execute(limits)).one()) == ("200ms", "500ms", "30s")
        async with database.reading() as connection:
            assert tuple((await connection.execute(limits)).one()) == ("0", "0", "0")
