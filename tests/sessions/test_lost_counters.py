"""When the shared counters cannot be reached, each process counts for itself and allows a quarter."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis

from models.database import Database
from permissions.rate_limits import CountingState, RateLimiter
from tests.identity import (
    OTHER,
    RESET,
    STRONG,
    complete_login,
    enrol_authenticator,
    register,
    sign_in,
)
from tests.serving import serving
from tests.world import world_of

NOWHERE = "redis://127.0.0.1:1/0"


async def test_without_shared_counters_a_quarter_of_the_attempts_is_allowed() -> None:
    limits = RateLimiter(NOWHERE)
    waits = await asyncio.gather(*(limits.count_attempt("10/5 minutes", "account", "a") for _ in range(50)))
    assert sorted(wait > 0 for wait in waits) == [False] * 2 + [True] * 48
    assert await limits.count_attempt("10/5 minutes", "account", "b") == 0, "another account has its own counter"
    assert [await limits.count_attempt("1/minute", "x") > 0 for _ in range(3)] == [False, True, True], (
        "at least one attempt is allowed"
    )


class FailingStorage(MemoryStorage):
    """Counters that may fail, like those of a server."""

    lost = False

    async def acquire_entry(self, *args: Any, **more: Any) -> bool:
        if self.lost:
            raise ConnectionError
        return await super().acquire_entry(*args, **more)


async def test_shared_counters_are_used_again_once_they_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("permissions.rate_limits.RETRY_SECONDS", 0)
    store, limits, rate = FailingStorage(), RateLimiter(NOWHERE), "8/minute"
    limits._shared = MovingWindowRateLimiter(store)
    assert [await limits.count_attempt(rate, "x") for _ in range(6)] == [0] * 6
    store.lost = True
    assert [await limits.count_attempt(rate, "x") > 0 for _ in range(4)] == [False, False, True, True]
    store.lost = False
    assert [await limits.count_attempt(rate, "x") > 0 for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("url", [None, NOWHERE])
async def test_a_success_resets_only_the_counter_of_its_account(url: str | None) -> None:
    limits, rate = RateLimiter(url), "4/minute"
    for who in ("a", "b"):
        while not await limits.count_attempt(rate, "account", who):
            pass
    await limits.reset_count(rate, "account", "a")
    assert await limits.count_attempt(rate, "account", "a") == 0
    assert await limits.count_attempt(rate, "account", "b") > 0


async def test_readiness_names_local_counters_and_reads_are_served(database: Database) -> None:
    for number, url in enumerate((None, NOWHERE)):
        world = world_of(database, limits=RateLimiter(url))
        answer = await world.client.get("/health/ready")
        assert (answer.status_code, answer.json()["limits"]) == (200, "local")
        _, mine = await world.member(f"{number}@example.org")
        assert (await world.data("{ viewer { role } }", mine))["viewer"]["role"] == "MEMBER"
        world.services.hashing.close()


async def test_without_shared_counters_a_quarter_of_the_passwords_is_allowed(database: Database) -> None:
    world = world_of(database, limits=RateLimiter("redis://127.0.0.1:1/0"))
    id = await world.person("p@example.org", password=STRONG)
    results = [(await sign_in(world, "p@example.org", "no"))["code"] for _ in range(3)]
    assert results == ["INVALID_CREDENTIALS"] * 2 + ["TOO_MANY_ATTEMPTS"], "a quarter of ten, rounded down"
    token = await world.token(holder=id)
    withdrawn = await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", token)
    assert withdrawn["withdrawConsent"]["__typename"] == "ConsentChanged", "a withdrawal works without counters"
    world.services.hashing.close()


GONE = ["TOKEN_EXPIRED"]


REFUSED = ["TOO_MANY_ATTEMPTS"]


async def test_without_shared_counters_codes_and_links_are_counted_locally(database: Database) -> None:
    """A quarter of the usual limit, and at least one."""
    world = world_of(database)
    await world.person("p@example.org", password=STRONG)
    await enrol_authenticator(world, (await sign_in(world, "p@example.org"))["accessToken"])
    challenge = (await sign_in(world, "p@example.org"))["challenge"]
    world.services.limits = RateLimiter(NOWHERE)
    results = [(await complete_login(world, challenge, "000000"))["code"] for _ in range(3)]
    assert results == ["INVALID_CODE"] + REFUSED * 2
    variables = {"t": "not a token", "p": OTHER}
    results = [(await world.data(RESET, None, variables))["resetPassword"]["code"] for _ in range(9)]
    assert results == GONE * 7 + REFUSED * 2
    world.services.hashing.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_shared_counters_that_do_not_answer_lock_no_one_out(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        frozen = {"CONSENTQL_REDIS_URL": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"}
        with serving(database_url, tmp_path, CONSENTQL_RATE_LIMITS="on", **frozen) as server:
            request = {"json": {"query": "{ viewer { role } }"}}
            async with httpx.AsyncClient(timeout=60) as client:
                at_once = [client.post(f"{server.url}/graphql", **request) for _ in range(10)]
                statuses = [answer.status_code for answer in await asyncio.gather(*at_once)]
                statuses += [(await client.post(f"{server.url}/graphql", **request)).status_code for _ in range(141)]
    assert statuses == [200] * 150 + [429], "a quarter of the usual limit of an address"


@asynccontextmanager
async def limiter(redis: str) -> AsyncIterator[RateLimiter]:
    """The counters of a process in Redis; closes their connections."""
    limits = RateLimiter(redis)
    store: Any = limits._store
    try:
        yield limits
    finally:
        await store.bridge.storage.aclose()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_all_workers_share_counters_that_contain_no_e_mail_address(
    database: Database, redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("permissions.rate_limits.TIMEOUT_SECONDS", 60)  # a busy machine must not count locally
    rate, key = "10/5 minutes", ("login account", "a")
    async with limiter(redis) as first, limiter(redis) as second, Redis.from_url(redis) as store:
        waits = await asyncio.gather(*(each.count_attempt(rate, *key) for each in (first, second) * 15))
        assert sorted(wait > 0 for wait in waits) == [False] * 10 + [True] * 20
        await first.reset_count(rate, *key)
        assert await second.count_attempt(rate, *key) == 0
        world = world_of(database, limits=second)
        await sign_in(world, "somebody@example.org", "no")
        await register(world, "somebody@example.org")
        keys = [name.decode() for name in await store.keys()]
        assert await first.state() is CountingState.SHARED
    assert len(keys) == 6
    assert not [name for name in keys if "somebody" in name or "@" in name]
    world.services.hashing.close()
