"""Readiness tells whether the process can do its work, and what an operator has to fix although it can."""

import asyncio
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from app.http import readiness
from app.main import make_outbox
from models.connections.sqlite import file_of
from models.database import Database
from permissions.rate_limits import CountingState, RateLimiter
from tests.http.requests import ONE_DATABASE, all_rows
from tests.world import World, settings_for, world_of

ONLY_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
READY = {
    "status": "ready",
    "reads": "yes",
    "writes": "yes",
    "schema": "current",
    "hashing": "yes",
    "limits": "off",
    "mail": "ok",
}


async def readiness_of(world: World) -> tuple[int, dict[str, str]]:
    answer = await world.client.get("/health/ready")
    return answer.status_code, answer.json()


def without(**changes: str) -> tuple[int, dict[str, str]]:
    return 503, {**READY, "status": "not ready", **changes}


async def test_a_process_that_can_do_its_work_is_ready_and_writes_nothing(world: World) -> None:
    before = await all_rows(world.services.database)
    assert await readiness_of(world) == (200, READY)
    assert await all_rows(world.services.database) == before


@ONLY_POSTGRESQL
async def test_a_read_only_server_is_not_ready(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text(f'ALTER DATABASE "{database.url.rpartition("/")[2].partition("?")[0]}" '
                                      "SET default_transaction_read_only = on"))  # fmt: skip
    later = Database(database.url)
    world = world_of(later)
    assert await readiness_of(world) == without(writes="no")
    world.services.hashing.close()
    await later.close()


def path_of(database: Database) -> Path:
    path = file_of(database.url)
    assert path is not None
    return path


@ONE_DATABASE
async def test_a_read_only_file_is_not_ready(world: World) -> None:
    path = path_of(world.services.database)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:  # a later version of the format, which this one may only read
        file.seek(18)
        file.write(b"\x03")
    assert await readiness_of(world) == without(writes="no")


@ONE_DATABASE
async def test_a_full_disk_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 0))
    assert await readiness_of(world) == without(writes="no")


async def test_a_process_beside_another_writer_is_ready(world: World) -> None:
    async with world.services.database.writing() as writer:
        await writer.execute(text("UPDATE alembic_version SET version_num = version_num"))
        assert await readiness_of(world) == (200, {**READY, "writes": "busy"})


async def test_a_process_whose_pool_is_exhausted_tells_of_the_database(database: Database) -> None:
    small = Database(database.url, pool=1)
    world = world_of(small)
    async with small.reading() as first, small.reading() as second:
        for each in (first, second):
            await each.execute(text("SELECT 1"))
        assert await readiness_of(world) == (200, READY)
    world.services.hashing.close()
    await small.close()


@ONE_DATABASE
async def test_an_unknown_schema_is_not_ready(world: World) -> None:
    async with world.services.database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'nowhere'"))
    assert await readiness_of(world) == without(schema="unknown")


@ONE_DATABASE
@pytest.mark.parametrize("silent", [True, False])
async def test_a_database_out_of_reach_is_told_soon(
    world: World, monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    async def fails(_: Database) -> None:
        if silent:
            await asyncio.Event().wait()
        raise ConnectionRefusedError

    monkeypatch.setattr(Database, "probe", fails)
    monkeypatch.setattr(readiness, "PROBE_SECONDS", 0.05)
    status, told = await readiness_of(world)
    assert (status, told["reads"], told["writes"]) == (503, "no", "no")
    assert (await world.client.get("/health/live")).status_code == 200


def test_a_look_is_over_in_two_seconds() -> None:
    assert readiness.PROBE_SECONDS + readiness.FRESH_SECONDS <= 2


@ONE_DATABASE
async def test_without_threads_for_passwords_a_process_is_not_ready(world: World) -> None:
    world.services.hashing.close()
    assert await readiness_of(world) == without(hashing="no")


@ONE_DATABASE
async def test_a_busy_thread_for_passwords_is_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.hashing.worker_pool.ALIVE_SECONDS", 0)
    assert (await readiness_of(world))[1]["hashing"] == "yes"


@ONE_DATABASE
async def test_failing_mail_is_only_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def note(*arguments: Any) -> Any:
        made.append(make_outbox(*arguments))
        return made[-1]

    monkeypatch.setattr("app.main.make_outbox", note)
    world = world_of(database, settings_for(database))
    made[0].state.consecutive_server_failures = 1
    assert await readiness_of(world) == (200, {**READY, "mail": "failing"})
    world.services.hashing.close()


@pytest.mark.parametrize(
    "fault",
    [
        ("REPLICAOF", "127.0.0.1", "1"),
        ("CONFIG", "SET", "maxmemory", "1"),
        ("ACL", "SETUSER", "default", "-eval", "-evalsha", "-script"),
    ],
    ids=["read-only", "full", "without scripts"],
)
async def test_a_redis_that_answers_and_does_not_count_makes_limits_local(
    redis: str, monkeypatch: pytest.MonkeyPatch, fault: tuple[str, ...]
) -> None:
    monkeypatch.setattr("permissions.rate_limits.TIMEOUT_SECONDS", 30)
    limits = RateLimiter(redis)
    store: Any = limits._store
    async with Redis.from_url(redis) as administrator:
        assert await limits.state() is CountingState.SHARED
        await administrator.execute_command(*fault)  # type: ignore[no-untyped-call]
        assert await administrator.ping()
        assert await limits.state() is CountingState.LOCAL
    await store.bridge.storage.aclose()


@ONE_DATABASE
async def test_what_started_stays_started(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(_: Database) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "probe", refused)
        before = await world.client.get("/health/started")
        assert (before.status_code, before.json()) == (503, {"status": "starting"})
    assert (await world.client.get("/health/started")).json() == {"status": "started"}
    monkeypatch.setattr(Database, "probe", refused)
    assert (await world.client.get("/health/ready")).status_code == 503
    assert (await world.client.get("/health/started")).status_code == 200


@ONE_DATABASE
async def test_many_requests_share_one_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    probe = Database.probe

    async def count(database: Database) -> Any:
        nonlocal looks
        looks += 1
        return await probe(database)

    monkeypatch.setattr(Database, "probe", count)
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 3600)
    answers = await asyncio.gather(*(world.client.get("/health/ready") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert looks == 1
