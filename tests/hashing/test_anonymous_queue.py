"""Requests without credentials queue for a slot, release it while a password is hashed, and never wait forever."""

import asyncio
from typing import Any

import pytest

from resolvers.hashing import anonymous_queue
from resolvers.hashing.anonymous_queue import AnonymousQueue, slot_released
from resolvers.hashing.password_hash import Hashing
from resolvers.hashing.worker_pool import CURRENT_SITE
from resolvers.sessions.known_devices import new_device_token
from tests.identity import CHANGE, LOGIN, OTHER, STRONG, sign_in
from tests.statements import recorded_statements
from tests.world import World


async def run_at_once(queue: AnonymousQueue, requests: int, work: Any) -> list[int]:
    """How many requests ran at once, each time another one started."""
    within, seen = 0, []

    async def one() -> None:
        nonlocal within
        async with queue.slot():
            within += 1
            seen.append(within)
            await work()
            within -= 1

    await asyncio.gather(*(one() for _ in range(requests)))
    return seen


async def test_only_a_few_requests_run_at_once() -> None:
    seen = await run_at_once(AnonymousQueue(2), 20, lambda: asyncio.sleep(0))
    assert len(seen) == 20
    assert max(seen) == 2


async def test_a_released_slot_is_acquired_again_after_the_wait() -> None:
    queue, order = AnonymousQueue(1), []

    async def first(hashed: asyncio.Event) -> None:
        async with queue.slot():
            order.append("first starts")
            async with slot_released():
                await hashed.wait()
            order.append("first continues")

    async def second(hashed: asyncio.Event) -> None:
        async with queue.slot():
            order.append("second")
            hashed.set()
            await asyncio.sleep(0.01)
            order.append("second ends")

    hashed = asyncio.Event()
    await asyncio.gather(first(hashed), second(hashed))
    assert order == ["first starts", "second", "second ends", "first continues"]


@pytest.mark.parametrize("released", [True, False])
async def test_a_slot_is_released_after_an_error(*, released: bool) -> None:
    queue = AnonymousQueue(1)

    async def fail() -> None:
        async with queue.slot():
            if not released:
                raise RuntimeError
            async with slot_released():
                raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            await fail()
    assert await run_at_once(queue, 3, lambda: asyncio.sleep(0)) == [1, 1, 1], (
        "the slot is neither lost nor released twice"
    )


async def test_a_request_that_waited_long_enough_runs_without_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous_queue, "MAX_WAIT_SECONDS", 0.02)
    queue, reached = AnonymousQueue(1), []
    async with queue.slot():
        await asyncio.create_task(run_at_once(queue, 1, lambda: asyncio.sleep(0)))
        reached.append(True)
    assert reached
    assert max(await run_at_once(queue, 5, lambda: asyncio.sleep(0))) == 1, "a request without a slot releases none"


async def test_without_a_slot_nothing_is_released() -> None:
    async with slot_released():
        assert anonymous_queue.CURRENT_SLOT.get() is None


async def test_a_sign_in_holds_no_slot_while_its_password_is_hashed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    verify = Hashing.verify

    async def watched(self: Hashing, stored: str | None, password: str, **more: bool) -> Any:
        slot = anonymous_queue.CURRENT_SLOT.get()
        assert slot is not None
        held.append(slot.held)
        working = asyncio.create_task(verify(self, stored, password, **more))
        await asyncio.sleep(0)
        held.append(slot.held)
        return await working

    monkeypatch.setattr(Hashing, "verify", watched)
    await sign_in(world, "nobody@example.org")
    assert held == [True, False]


async def test_a_refused_sign_in_costs_no_query(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hashing, "is_full", lambda _self, *, known_device: not known_device)
    async with recorded_statements(world.services.database) as statements:
        answer = await sign_in(world, "nobody@example.org")
    assert (answer["__typename"], answer["code"]) == ("Refusal", "TRY_LATER")
    assert [text for text in statements if "SELECT" in text] == []


async def test_strangers_do_not_delay_a_known_device(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the line of requests nor the pool of hashes that strangers have filled matters to it."""
    monkeypatch.setattr(anonymous_queue, "MAX_WAIT_SECONDS", 600)
    await world.person("p@example.org", password=STRONG)
    device = (await sign_in(world, "p@example.org"))["deviceToken"]
    queues: list[AnonymousQueue] = []
    slot = AnonymousQueue.slot

    def watched(self: AnonymousQueue, *, known_device: bool) -> Any:
        queues.append(self)
        return slot(self, known_device=known_device)

    monkeypatch.setattr(AnonymousQueue, "slot", watched)
    monkeypatch.setattr(world.services.hashing._usual, "_queue_length", 0)
    assert (await sign_in(world, "p@example.org"))["code"] == "TRY_LATER"
    async with slot(queues[0]):
        waiting = asyncio.create_task(sign_in(world, "p@example.org", deviceToken="cql_dv_" + "0" * 49))
        assert "accessToken" in await sign_in(world, "p@example.org", deviceToken=device)
        assert "accessToken" in await sign_in(world, "p@example.org", deviceToken=device), "the lane is free again"
        assert not waiting.done()
    assert (await waiting)["code"] == "TRY_LATER"


LITERAL = 'mutation { login(input: {email: "%s", password: "x", deviceToken: "%s"}) { __typename } }'
TWO = LOGIN.replace("login(", 'other: login(input: {email: "q@example.org", password: "x"}) { __typename } login(')
OTHER_FIELD = LOGIN.replace("mutation ($input: LoginInput!) {", "mutation ($input: LoginInput!) { logout")
FRAGMENT = (
    LOGIN.replace("mutation ($input: LoginInput!) {", "mutation ($input: LoginInput!) { ...F")
    + " fragment F on Mutation { logout }"
)


async def test_only_a_sign_in_to_the_address_of_its_device_token_gets_the_lane(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = world.services.keys
    mine, other = (new_device_token(keys, f"{who}@example.org") for who in ("p", "q"))
    lanes: list[bool] = []
    slot = AnonymousQueue.slot

    def watched(self: AnonymousQueue, *, known_device: bool) -> Any:
        lanes.append(known_device)
        return slot(self, known_device=known_device)

    monkeypatch.setattr(AnonymousQueue, "slot", watched)

    async def lane(document: str, token: str | None, **more: Any) -> bool:
        variables = {"input": {"email": "P@example.org", "password": "x", "deviceToken": token}, **more}
        await world.post(document, None, variables)
        return lanes[-1]

    assert await lane(LOGIN, mine)
    assert await lane(LOGIN, None) is False
    assert await lane(LOGIN, other) is False
    assert await lane(LOGIN, None, other={"deviceToken": mine}) is False
    assert await lane("{ policy { version } }", mine) is False
    assert await lane("{", mine) is False
    for document in (TWO, OTHER_FIELD, FRAGMENT):
        assert await lane(document, mine) is False
    assert await lane(LITERAL % ("q@example.org", other), None, unused={"deviceToken": other})
    assert await lane(LITERAL % ("p@example.org", other), None, unused={"deviceToken": other}) is False


async def test_every_request_brings_its_network_to_the_pool(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sites: list[str | None] = []
    verify = Hashing.verify

    async def watched(self: Hashing, stored: str | None, password: str, **more: bool) -> Any:
        sites.append(CURRENT_SITE.get())
        return await verify(self, stored, password, **more)

    monkeypatch.setattr(Hashing, "verify", watched)
    await world.person("p@example.org", password=STRONG)
    first = await sign_in(world, "p@example.org")
    await sign_in(world, "p@example.org", deviceToken=first["deviceToken"])
    changed = {"input": {"currentPassword": "wrong", "newPassword": OTHER}}
    await world.data(CHANGE, first["accessToken"], changed)
    assert len(sites) == 3
    assert set(sites) == {sites[0]} - {None}
