"""Every proof of identity is counted before it is looked at, by account and by network, however it is asked for."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from models.database import Database
from permissions.limits import Limits
from permissions.operations import CREDENTIAL_FIELDS
from tests.identity import BEGIN, STRONG, Clock, complete, enrolled, register, sign_in
from tests.test_leak_laws import arguments
from tests.world import World, codes, world_of


@pytest.fixture
def limited(database: Database) -> Iterator[World]:
    world = world_of(database, limits=Limits(on=True))
    yield world
    world.services.hashing.close()


async def test_new_challenges_buy_no_new_tries(limited: World) -> None:
    clock = Clock(limited)
    await limited.person("p@example.org", password=STRONG)
    app, _ = await enrolled(limited, (await sign_in(limited, "p@example.org"))["accessToken"])
    clock.forward(minutes=2)
    challenges = [(await sign_in(limited, "p@example.org"))["challenge"] for _ in range(3)]
    tries = [complete(limited, challenge, "000000") for challenge in challenges for _ in range(4)]
    told = [answer["code"] for answer in await asyncio.gather(*tries)]
    assert (told.count("INVALID_CODE"), told.count("TOO_MANY_ATTEMPTS")) == (5, 7)
    assert (await complete(limited, challenges[2], app.code()))["code"] == "TOO_MANY_ATTEMPTS"


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
