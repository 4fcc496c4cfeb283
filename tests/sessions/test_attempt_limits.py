"""Every proof of identity is counted before it is looked at, by account and by network, however it is asked for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from models.database import Database
from models.tables import CHALLENGES
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from permissions.rate_limits import RateLimiter
from resolvers.second_factor import login_challenge
from tests.identity import BEGIN, OTHER, RESET, STRONG, Clock, complete_login, enrol_authenticator, register, sign_in
from tests.serving import serving
from tests.sign_in.test_secrets_stay_secret import arguments
from tests.world import World, codes, world_of

NOWHERE = "redis://127.0.0.1:1/0"
PROVE = 'mutation { verifyEmail(token: "none of ours") { ... on Refusal { code } } }'
"""An attempt that costs no hash; 30 a minute are let through."""

GONE = ["TOKEN_EXPIRED"]
REFUSED = ["TOO_MANY_ATTEMPTS"]


@pytest.fixture
def limited(database: Database) -> Iterator[World]:
    world = world_of(database, limits=RateLimiter(on=True))
    yield world
    world.services.hashing.close()


async def test_new_challenges_buy_no_new_tries(limited: World) -> None:
    clock = Clock(limited)
    await limited.person("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(limited, (await sign_in(limited, "p@example.org"))["accessToken"])
    clock.forward(minutes=2)
    challenges = [(await sign_in(limited, "p@example.org"))["challenge"] for _ in range(3)]
    tries = [complete_login(limited, challenge, "000000") for challenge in challenges for _ in range(4)]
    told = [answer["code"] for answer in await asyncio.gather(*tries)]
    assert (told.count("INVALID_CODE"), told.count("TOO_MANY_ATTEMPTS")) == (5, 7)
    assert (await complete_login(limited, challenges[2], app.code()))["code"] == "TOO_MANY_ATTEMPTS"


async def test_one_network_registers_so_many_an_hour(limited: World) -> None:
    told = [await register(limited, f"p{number}@example.org") for number in range(31)]
    assert ["email" in each for each in told] == [True] * 30 + [False]
    assert told[-1]["code"] == "TOO_MANY_ATTEMPTS"
    assert told[-1]["retryAfterSeconds"] > 0


async def test_a_session_alone_guesses_no_password(limited: World) -> None:
    _, token = await limited.member("p@example.org", password=STRONG)
    guesses = [limited.data(BEGIN, token, {"p": "no"}) for _ in range(14)]
    told = [answer["beginTotpEnrolment"]["code"] for answer in await asyncio.gather(*guesses)]
    assert (told.count("INVALID_CREDENTIALS"), told.count("TOO_MANY_ATTEMPTS")) == (10, 4)


async def test_a_success_empties_no_bucket_of_the_network(limited: World) -> None:
    await limited.person("p@example.org", password=STRONG)
    for number in range(29):
        await sign_in(limited, f"nobody{number}@example.org", "no")
    assert "accessToken" in await sign_in(limited, "p@example.org")
    assert (await sign_in(limited, "nobody@example.org", "no"))["code"] == "TOO_MANY_ATTEMPTS"


@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_a_document_proves_one_thing(world: World, name: str) -> None:
    """Aliases, fragments and second operations buy no second attempt; nothing of such a document is executed."""
    selection, given = arguments()[name]
    named = ", ".join(f"${each}: {kind}" for each, kind in given.items())
    passed = f"({', '.join(f'{each}: ${each}' for each in given)})" if given else ""
    head, field = f"mutation{f' ({named})' if named else ''}", f"{name}{passed} {selection}"
    values: Any = {each: {} if "Input" in kind else "x" for each, kind in given.items()}
    for document in (
        f"{head} {{ {' '.join(f'a{number}: {field}' for number in range(20))} }}",
        f"{head} {{ a: {field} ...Again }} fragment Again on Mutation {{ {field} }}",
        f"{head} {{ a: {field} ... {{ b: {field} }} ... on Mutation {{ c: {field} }} }}",
        f"{head} {{ a: {field} logout }}",
    ):
        response = await world.post(document, None, values)
        answer = response.json()
        assert response.status_code == 400, document
        assert "data" not in answer
        assert codes(answer)[0] == "GRAPHQL_VALIDATION_FAILED", "before any value was looked at"


async def test_what_is_refused_is_never_hashed(limited: World, argon2_calls: list[str]) -> None:
    """Fifty at once are ten passwords' work; what was let through is counted, whatever came of it."""
    _, token = await limited.member("p@example.org", password=STRONG)
    argon2_calls.clear()
    told = await asyncio.gather(*(sign_in(limited, "p@example.org", "no") for _ in range(25)))
    assert [answer["code"] for answer in told].count("TOO_MANY_ATTEMPTS") == 15
    assert argon2_calls == ["verify 8"] * 10
    argon2_calls.clear()
    await asyncio.gather(*(limited.data(BEGIN, token, {"p": "no"}) for _ in range(25)))
    assert argon2_calls == ["verify 8"] * 10
    argon2_calls.clear()
    told = await asyncio.gather(*(register(limited, "new@example.org") for _ in range(12)))
    assert [answer.get("code") for answer in told].count("TOO_MANY_ATTEMPTS") == 7
    assert argon2_calls == ["hash 8"] * 5


async def test_fifty_codes_at_once_are_five_tries_of_one_challenge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(world)
    await world.person("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(world, (await sign_in(world, "p@example.org"))["accessToken"])
    challenge = (await sign_in(world, "p@example.org"))["challenge"]
    looked: list[str] = []
    stock = login_challenge.verify_code

    async def prove(*given: Any) -> Any:
        looked.append(given[-1])
        return await stock(*given)

    monkeypatch.setattr(login_challenge, "verify_code", prove)
    told = await asyncio.gather(*(complete_login(world, challenge, "000000") for _ in range(50)))
    codes_told = [answer["code"] for answer in told]
    assert (codes_told.count("INVALID_CODE"), codes_told.count("CHALLENGE_EXPIRED")) == (5, 45)
    assert len(looked) == 5
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(CHALLENGES.c.tries))).scalar_one() == 5
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_aliases_buy_no_attempts_where_a_document_may_ask_twice(limited: World) -> None:
    _, token = await limited.member("p@example.org")
    field = "updateProfile(input: {}) { ... on Refusal { code } }"
    document = f"mutation {{ {' '.join(f'a{number}: {field}' for number in range(30))} }}"
    told = [each.get("code") for _ in range(3) for each in (await limited.data(document, token)).values()]
    assert told == [None] * 60 + ["TOO_MANY_ATTEMPTS"] * 30


async def test_without_shared_counters_a_second_step_and_a_reset_are_counted_here(database: Database) -> None:
    """A quarter of what they may otherwise, and never none at all."""
    world = world_of(database)
    await world.person("p@example.org", password=STRONG)
    await enrol_authenticator(world, (await sign_in(world, "p@example.org"))["accessToken"])
    challenge = (await sign_in(world, "p@example.org"))["challenge"]
    world.services.limits = RateLimiter(NOWHERE)
    told = [(await complete_login(world, challenge, "000000"))["code"] for _ in range(3)]
    assert told == ["INVALID_CODE"] + REFUSED * 2
    given = {"t": "none of ours", "p": OTHER}
    told = [(await world.data(RESET, None, given))["resetPassword"]["code"] for _ in range(9)]
    assert told == GONE * 7 + REFUSED * 2
    world.services.hashing.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_shared_counters_that_do_not_answer_keep_nobody_out(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        frozen = {"CONSENTQL_REDIS_URL": f"redis://127.0.0.1:{silent.getsockname()[1]}/0"}
        with serving(database_url, tmp_path, CONSENTQL_RATE_LIMITS="on", **frozen) as server:
            asked = {"json": {"query": "{ viewer { role } }"}}
            async with httpx.AsyncClient(timeout=30) as client:
                at_once = [client.post(f"{server.url}/graphql", **asked) for _ in range(10)]
                statuses = [answer.status_code for answer in await asyncio.gather(*at_once)]
                statuses += [(await client.post(f"{server.url}/graphql", **asked)).status_code for _ in range(141)]
    assert statuses == [200] * 150 + [429], "a quarter of what one address may otherwise"


@asynccontextmanager
async def worker(redis: str) -> AsyncIterator[RateLimiter]:
    """One process's counters in a Redis, whose connections are given back."""
    limits = RateLimiter(redis)
    yield limits
    store: Any = limits._store
    await store.bridge.storage.aclose()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_all_workers_count_in_one_redis_and_it_holds_no_address_of_mail(database: Database, redis: str) -> None:
    rate, key = "10/5 minutes", ("login account", "a")
    async with worker(redis) as first, worker(redis) as second, Redis.from_url(redis) as store:
        waits = await asyncio.gather(*(each.wait(rate, *key) for each in (first, second) * 15))
        assert sorted(wait > 0 for wait in waits) == [False] * 10 + [True] * 20
        await first.forget(rate, *key)
        assert await second.wait(rate, *key) == 0
        assert not await first.counts_locally()
        world = world_of(database, limits=second)
        await sign_in(world, "somebody@example.org", "no")
        await register(world, "somebody@example.org")
        keys = [name.decode() for name in await store.keys()]
    assert len(keys) == 5
    assert not [name for name in keys if "somebody" in name or "@" in name]
    world.services.hashing.close()


async def proves(url: str, *forwarded: str) -> list[str]:
    """What each attempt is told, one for each of these forwarded addresses."""
    told = []
    async with httpx.AsyncClient(timeout=30) as client:
        for each in forwarded:
            answer = await client.post(f"{url}/graphql", json={"query": PROVE}, headers={"X-Forwarded-For": each})
            told.append(answer.json()["data"]["verifyEmail"]["code"])
    return told


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_no_header_says_whence_somebody_comes_but_a_trusted_proxys(database_url: str, tmp_path: Path) -> None:
    limits = {"CONSENTQL_RATE_LIMITS": "on"}
    with serving(database_url, tmp_path, **limits) as server:
        told = await proves(server.url, *(f"198.51.100.{number}" for number in range(31)))
        assert told == GONE * 30 + REFUSED, "nobody is trusted: what is sent counts for nothing"
    with serving(database_url, tmp_path, **limits, CONSENTQL_TRUSTED_PROXIES="127.0.0.1") as server:
        told = await proves(server.url, *(f"198.51.100.{number}" for number in range(31)))
        assert told == GONE * 31, "each of these is somebody else"
        told = await proves(server.url, *(f"198.51.100.{number}, 203.0.113.9" for number in range(31)))
        assert told == GONE * 30 + REFUSED, "what the proxy added counts, not what it was told"
        told = await proves(server.url, *(f"2001:db8:0:7:{number:x}::1" for number in range(31)))
        assert told == GONE * 30 + REFUSED, "a network of IPv6 is one"
        assert await proves(server.url, "2001:db8:0:8::1") == GONE
