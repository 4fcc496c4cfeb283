"""An attempt that was refused because the server was busy uses up nothing, and gains nothing either."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from limits.aio.storage import RedisStorage
from limits.aio.storage.redis.redispy import RedispyBridge

from permissions.rate_limits import RateLimiter
from resolvers.hashing.password_hash import Hashing
from resolvers.hashing.worker_pool import PoolFull
from tests.identity import CHANGE_EMAIL, DISABLE, OTHER, STRONG, register, sign_in
from tests.world import World

RATE = "3/minute"


@pytest.fixture(params=["process", "shared"])
async def limits(request: pytest.FixtureRequest) -> AsyncIterator[RateLimiter]:
    limiter = RateLimiter(request.getfixturevalue("redis") if request.param == "shared" else None)
    yield limiter
    if isinstance(limiter._store, RedisStorage) and isinstance(limiter._store.bridge, RedispyBridge):
        client: Any = limiter._store.bridge.get_connection()
        await client.connection_pool.disconnect()


async def test_one_attempt_is_taken_back_at_a_time_and_never_a_later_one(limits: RateLimiter) -> None:
    before = time.time()
    await asyncio.sleep(0)
    assert [await limits.count_attempt(RATE, "account", "a") for _ in range(3)] == [0, 0, 0]
    await limits.take_back(RATE, "account", "a", counted_at=before - 1)
    assert await limits.count_attempt(RATE, "account", "a") > 0, "all were counted later"
    await limits.take_back(RATE, "account", "a", counted_at=time.time())
    await limits.take_back(RATE, "account", "b", counted_at=time.time())
    waits = await asyncio.gather(*(limits.count_attempt(RATE, "account", "a") for _ in range(20)))
    assert sorted(wait > 0 for wait in waits) == [False] + [True] * 19


async def refused(*_: Any, **__: Any) -> None:
    raise PoolFull


async def test_attempts_that_a_busy_server_refused_lock_nobody_out(
    limited_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = limited_world
    await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    with monkeypatch.context() as busy:
        for work in ("verify", "run_in_pool"):
            busy.setattr(Hashing, work, refused)
        for _ in range(12):
            assert (await sign_in(world, "p@example.org"))["code"] == "TRY_LATER"
            assert (await register(world, "new@example.org"))["code"] == "TRY_LATER"
            for document, more in ((CHANGE_EMAIL, {"e": "other@example.org"}), (DISABLE, {"c": "000000"})):
                (answer,) = (await world.data(document, token, {"p": STRONG, **more})).values()
                assert answer["code"] == "TRY_LATER"
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert "email" in await register(world, "new@example.org")
    changed = (await world.data(CHANGE_EMAIL, token, {"e": "other@example.org", "p": STRONG}))["changeEmail"]
    assert "code" not in changed


async def test_attempts_at_once_gain_nothing_from_those_that_a_busy_server_refused(
    limited_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, verified = limited_world, []
    await world.person("p@example.org", password=STRONG)
    verify = Hashing.verify

    async def every_other(hashing: Hashing, *given: Any, **more: Any) -> Any:
        verified.append(len(verified))
        await asyncio.sleep(0)
        if len(verified) % 2:
            raise PoolFull
        return await verify(hashing, *given, **more)

    monkeypatch.setattr(Hashing, "verify", every_other)
    codes = [
        each["code"] for each in await asyncio.gather(*(sign_in(world, "p@example.org", OTHER) for _ in range(25)))
    ]
    codes += [(await sign_in(world, "p@example.org", OTHER))["code"] for _ in range(5)]
    assert codes.count("INVALID_CREDENTIALS") <= 10
