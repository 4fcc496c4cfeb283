"""Requests are counted by network, or by token and holder. A flood of unknown tokens reads nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.http.request_rate import LOOKUPS_AT_ONCE
from app.main import create
from app.settings_fields import ServiceSettings
from models.database import Database
from models.tokens.token_format import TokenKind, new_token
from models.vocabulary import Role
from permissions.rate_limits import PRUNED_AT_ONCE, LocalStorage, RateLimiter
from tests.http.requests import ONE_DATABASE
from tests.statements import recorded_statements
from tests.world import World, codes, services_on, settings_for, world_of

MOST = 5
VIEWER = {"query": "{ viewer { role } }"}
HERE, ELSEWHERE = "198.51.100.7", "198.51.100.8"


class Door:
    """The application with a low rate limit, reached from any address."""

    def __init__(self, database: Database) -> None:
        self.services = services_on(database, limits=RateLimiter())
        self.app = create(settings_for(database, requests_per_minute=MOST), self.services)

    async def send(self, token: str | None = None, address: str = HERE, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, client=(address, 1))
        more = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
            return await client.post("/graphql", json=VIEWER, headers=more)

    async def statuses(self, *tokens: str | None, address: str = HERE) -> list[int]:
        return [(await self.send(token, address)).status_code for token in tokens]


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    door = Door(database)
    yield door
    door.services.hashing.close()


@pytest.fixture
def people(database: Database) -> World:
    return world_of(database)


def unknown_token() -> str:
    return new_token(TokenKind.SESSION)


def test_the_limit_is_600_a_minute_unless_set() -> None:
    assert ServiceSettings().requests_per_minute == 600
    assert ServiceSettings(requests_per_minute=900).requests_per_minute == 900


@ONE_DATABASE
async def test_a_refusal_names_what_is_left_of_the_window(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time()
    for seconds, expected, left in ((0, 200, None), (20, 429, "40"), (59, 429, "1"), (61, 200, None)):
        monkeypatch.setattr(time, "time", lambda at=began + seconds: at)
        for _ in range(MOST if seconds == 0 else 1):
            response = await door.send()
        assert (response.status_code, response.headers.get("Retry-After")) == (expected, left)
        assert codes(response.json()) == ([] if expected == 200 else ["RATE_LIMITED"])


@ONE_DATABASE
async def test_visitors_of_a_network_do_not_use_up_the_requests_of_tokens(door: Door, people: World) -> None:
    """Behind a front-end server or a shared address, each token has its own counter."""
    tokens = [(await people.member(f"p{number}@example.org"))[1] for number in range(3)]
    assert await door.statuses(*[None] * MOST, None) == [200] * MOST + [429]
    for token in tokens:
        assert await door.statuses(*[token] * (MOST + 1)) == [200] * MOST + [429]
    assert await door.statuses(tokens[0], address=ELSEWHERE) == [429], "a token has one counter in every network"
    assert await door.statuses(None, address=ELSEWHERE) == [200]


@ONE_DATABASE
async def test_a_malformed_request_counts_for_its_network(door: Door) -> None:
    assert await door.statuses(*["not a token"] * (MOST + 1)) == [401] * MOST + [429]
    transport = httpx.ASGITransport(app=door.app, client=(ELSEWHERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
        statuses = [(await client.post("/graphql", content="x")).status_code for _ in range(MOST + 1)]
    assert statuses == [415] * MOST + [429]


async def test_the_sessions_of_a_person_share_twice_the_limit(door: Door, people: World) -> None:
    id, first = await people.member("p@example.org")
    second, third = await people.token(holder=id), await people.token(Role.SUPPORT, id)
    _, other = await people.member("q@example.org")
    assert await door.statuses(*[first] * MOST, *[second] * MOST, third) == [200] * 2 * MOST + [429]
    assert await door.statuses(other) == [200]


async def test_a_flood_of_unknown_tokens_is_refused_before_it_is_looked_up(door: Door, people: World) -> None:
    _, token = await people.member("p@example.org")
    assert await door.statuses(*(unknown_token() for _ in range(MOST))) == [401] * MOST
    async with recorded_statements(door.services.database) as statements:
        response = await door.send(unknown_token())
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) > 0
        assert await door.statuses(token, None) == [429, 429]
    assert statements == []
    assert await door.statuses(token, unknown_token(), address=ELSEWHERE) == [200, 401]


@dataclass
class HeldBodies:
    """Requests whose bodies arrive only once `released` is set."""

    door: Door
    begun: int = 0
    all_begun: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def statuses(self, requests: list[tuple[str, str]]) -> list[int]:
        """Sends tokens from addresses, lets all bodies arrive at once, and returns the statuses."""

        async def body() -> AsyncIterator[bytes]:
            self.begun += 1
            if self.begun == len(requests):
                self.all_begun.set()
            await self.released.wait()
            yield json.dumps(VIEWER).encode()

        async def send(token: str, address: str) -> int:
            transport = httpx.ASGITransport(app=self.door.app, client=(address, 1))
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
                return (await client.post("/graphql", content=body(), headers=headers)).status_code

        sent = asyncio.gather(*(send(token, address) for token, address in requests))
        await asyncio.wait_for(self.all_begun.wait(), 20)
        self.released.set()
        return await sent


def lookups(statements: list[str]) -> int:
    return sum("WHERE access_tokens.digest =" in statement for statement in statements)


@pytest.mark.parametrize(("prefix", "most"), [("", MOST), ("2001:db8:7:%x::1", 10 * MOST)])
async def test_unknown_tokens_whose_bodies_arrive_at_once_cost_no_more_lookups(
    door: Door, prefix: str, most: int
) -> None:
    """They were counted before any of them was found to be unknown. The networks of a site count together."""
    requests = [(unknown_token(), prefix % number if prefix else HERE) for number in range(most + 30)]
    async with recorded_statements(door.services.database) as statements:
        answers = await HeldBodies(door).statuses(requests)
    assert set(answers) == {401, 429}
    assert answers.count(401) == lookups(statements) == most


async def test_known_tokens_of_a_network_are_all_looked_up(door: Door, people: World) -> None:
    tokens = [(await people.member(f"p{number}@example.org"))[1] for number in range(LOOKUPS_AT_ONCE + 4)]
    assert set(await HeldBodies(door).statuses([(token, HERE) for token in tokens])) == {200}


async def test_known_tokens_are_looked_up_while_one_more_may_be_unknown(door: Door, people: World) -> None:
    """A look-up under way may find nothing, so the next one waits for it. No known token is refused for that."""
    tokens = [(await people.member(f"p{number}@example.org"))[1] for number in range(LOOKUPS_AT_ONCE + 4)]
    assert await door.statuses(*(unknown_token() for _ in range(MOST - 1))) == [401] * (MOST - 1)
    assert await HeldBodies(door).statuses([(token, HERE) for token in tokens]) == [200] * len(tokens)
    mixed = [(unknown_token(), HERE), *((token, HERE) for token in tokens)]
    async with recorded_statements(door.services.database) as statements:
        answers = await HeldBodies(door).statuses(mixed)
    assert (answers.count(401), set(answers) - {200, 401}) == (1, {429} if 429 in answers else set())
    assert lookups(statements) == 1 + answers.count(200)
    assert await door.statuses(unknown_token(), *tokens) == [429] * (1 + len(tokens))


async def test_a_lookup_that_is_cancelled_leaves_its_place_to_the_next(
    door: Door, people: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await people.member("p@example.org")
    await door.statuses(*(unknown_token() for _ in range(MOST - 1)))
    begun, hold = asyncio.Event(), asyncio.Event()

    async def held(*_: object) -> Any:
        begun.set()
        await hold.wait()

    with monkeypatch.context() as patched:
        patched.setattr("app.http.request_rate.authenticate", held)
        first = asyncio.create_task(door.statuses(token))
        await begun.wait()
        second = asyncio.create_task(door.statuses(token))
        await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.wait_for(second, 20) == [200]


@ONE_DATABASE
async def test_an_expired_token_costs_its_network_nothing(door: Door, people: World) -> None:
    """A client that missed the end of its session does not stop the others behind the same address."""
    past = people.services.now() - timedelta(days=1)
    id, token = await people.member("p@example.org")
    expired = await people.token(holder=id, now=past, expires_at=past + timedelta(hours=1))
    assert await door.statuses(*[expired] * (MOST + 1)) == [401] * MOST + [429]
    assert await door.statuses(token, None, unknown_token()) == [200, 200, 401]


@ONE_DATABASE
async def test_the_networks_of_an_ipv6_site_share_ten_times_the_limit(door: Door) -> None:
    for number in range(10):
        assert await door.statuses(*[None] * MOST, address=f"2001:db8:1:{number}::1") == [200] * MOST
    assert await door.statuses(None, address="2001:db8:1:a::1") == [429]
    assert await door.statuses(None, address="2001:db8:2::1") == [200]
    for number in range(10 * MOST):
        assert await door.statuses(unknown_token(), address=f"2001:db8:3:{number:x}::1") == [401]
    assert await door.statuses(unknown_token(), address="2001:db8:3:ffff::1") == [429]


async def test_counters_in_the_process_are_pruned_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt under one key does not look at the others, and none is kept after its time."""
    storage, began, uptime = LocalStorage(), time.time(), time.monotonic()
    for number in range(100):
        await storage.acquire_entry(f"key{number}", 10, 60)
    looked: list[str] = []
    monkeypatch.setattr(storage, "clear", looked.append)
    for _ in range(10):
        await storage.acquire_entry("mine", 10, 60)
    assert storage.timer is None, "the library would look at every key now"
    assert (looked, len(storage.events)) == ([], 101)
    monkeypatch.undo()
    monkeypatch.setattr(time, "time", lambda: began + 61)
    monkeypatch.setattr(time, "monotonic", lambda: uptime + 61)
    assert await storage.acquire_entry("mine", 10, 60)
    assert set(storage.events) == {"mine"}
    assert len(storage.events["mine"]) == 1


async def test_pruning_lets_other_requests_run_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    last = f"key{10 * PRUNED_AT_ONCE - 1}"
    storage, began, uptime, steps = LocalStorage(), time.time(), time.monotonic(), 0
    for number in range(10 * PRUNED_AT_ONCE):
        await storage.acquire_entry(f"key{number}", 10, 60)

    async def others() -> None:
        nonlocal steps
        while True:
            steps += 1
            if steps == 2:
                await storage.clear(last)
                await storage.acquire_entry(last, 10, 60)
            await asyncio.sleep(0)

    monkeypatch.setattr(time, "time", lambda: began + 61)
    monkeypatch.setattr(time, "monotonic", lambda: uptime + 61)
    running = asyncio.create_task(others())
    await asyncio.sleep(0)
    assert await storage.acquire_entry("mine", 10, 60)
    running.cancel()
    assert steps >= 10
    assert set(storage.events) == {"mine", last}, "an attempt during the pruning is kept"
