"""Every attempt to prove an identity is counted first, per account and per network."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from models.tables import ACCOUNTS, CHALLENGES
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from resolvers.second_factor import login_challenge
from tests.identity import (
    ASK_RESET,
    BEGIN,
    CHANGE,
    CHANGE_EMAIL,
    LOGIN,
    OTHER,
    STRONG,
    Clock,
    complete_login,
    credential_arguments,
    enrol_authenticator,
    register,
    sign_in,
)
from tests.serving import serving
from tests.world import World, codes

PROVE = 'mutation { verifyEmail(token: "not a token") { ... on Refusal { code } } }'
"""An attempt that costs no hash. 30 a minute are allowed."""


GONE = ["TOKEN_EXPIRED"]


REFUSED = ["TOO_MANY_ATTEMPTS"]


async def test_new_challenges_give_no_new_tries(limited_world: World) -> None:
    clock = Clock(limited_world)
    await limited_world.person("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(limited_world, (await sign_in(limited_world, "p@example.org"))["accessToken"])
    clock.forward(minutes=2)
    challenges = [(await sign_in(limited_world, "p@example.org"))["challenge"] for _ in range(3)]
    tries = [complete_login(limited_world, challenge, "000000") for challenge in challenges for _ in range(4)]
    results = [answer["code"] for answer in await asyncio.gather(*tries)]
    assert (results.count("INVALID_CODE"), results.count("TOO_MANY_ATTEMPTS")) == (5, 7)
    assert (await complete_login(limited_world, challenges[2], app.code()))["code"] == "TOO_MANY_ATTEMPTS"


async def test_a_network_can_register_30_accounts_an_hour(limited_world: World) -> None:
    results = [await register(limited_world, f"p{number}@example.org") for number in range(31)]
    assert ["email" in each for each in results] == [True] * 30 + [False]
    assert results[-1]["code"] == "TOO_MANY_ATTEMPTS"
    assert results[-1]["retryAfterSeconds"] > 0


async def test_a_session_cannot_guess_its_password(limited_world: World) -> None:
    _, token = await limited_world.member("p@example.org", password=STRONG)
    guesses = [limited_world.data(BEGIN, token, {"p": "no"}) for _ in range(14)]
    results = [answer["beginTotpEnrolment"]["code"] for answer in await asyncio.gather(*guesses)]
    assert (results.count("INVALID_CREDENTIALS"), results.count("TOO_MANY_ATTEMPTS")) == (10, 4)


async def test_a_success_does_not_reset_the_counter_of_the_network(limited_world: World) -> None:
    await limited_world.person("p@example.org", password=STRONG)
    for number in range(29):
        await sign_in(limited_world, f"nobody{number}@example.org", "no")
    assert "accessToken" in await sign_in(limited_world, "p@example.org")
    assert (await sign_in(limited_world, "nobody@example.org", "no"))["code"] == "TOO_MANY_ATTEMPTS"


@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_a_document_may_contain_only_one_credential_field(world: World, name: str) -> None:
    """Aliases, fragments and second operations give no second attempt. No part of such a document is executed."""
    selection, variables = credential_arguments()[name]
    named = ", ".join(f"${each}: {kind}" for each, kind in variables.items())
    passed = f"({', '.join(f'{each}: ${each}' for each in variables)})" if variables else ""
    head, field = f"mutation{f' ({named})' if named else ''}", f"{name}{passed} {selection}"
    values: Any = {each: {} if "Input" in kind else "x" for each, kind in variables.items()}
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
        assert codes(answer)[0] == "GRAPHQL_VALIDATION_FAILED", "before any value is read"


async def test_a_refused_attempt_is_not_hashed(limited_world: World, argon2_calls: list[tuple[str, int, str]]) -> None:
    """Only attempts within the limit cost a hash."""
    _, token = await limited_world.member("p@example.org", password=STRONG)
    argon2_calls.clear()
    results = await asyncio.gather(*(sign_in(limited_world, "p@example.org", "no") for _ in range(25)))
    assert [answer["code"] for answer in results].count("TOO_MANY_ATTEMPTS") == 15
    assert [(name, cost) for name, cost, _ in argon2_calls] == [("verify", 8)] * 10
    argon2_calls.clear()
    await asyncio.gather(*(limited_world.data(BEGIN, token, {"p": "no"}) for _ in range(25)))
    assert [(name, cost) for name, cost, _ in argon2_calls] == [("verify", 8)] * 10
    argon2_calls.clear()
    results = await asyncio.gather(*(register(limited_world, "new@example.org") for _ in range(12)))
    assert [answer.get("code") for answer in results].count("TOO_MANY_ATTEMPTS") == 7
    assert [(name, cost) for name, cost, _ in argon2_calls] == [("hash", 8)] * 5


async def test_fifty_codes_at_once_are_five_tries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(world)
    await world.person("p@example.org", password=STRONG)
    app, _ = await enrol_authenticator(world, (await sign_in(world, "p@example.org"))["accessToken"])
    challenge = (await sign_in(world, "p@example.org"))["challenge"]
    verified: list[str] = []
    stock = login_challenge.verify_code

    async def verify_code(*arguments: Any) -> Any:
        verified.append(arguments[-1])
        return await stock(*arguments)

    monkeypatch.setattr(login_challenge, "verify_code", verify_code)
    results = await asyncio.gather(*(complete_login(world, challenge, "000000") for _ in range(50)))
    refusals = [answer["code"] for answer in results]
    assert (refusals.count("INVALID_CODE"), refusals.count("CHALLENGE_EXPIRED")) == (5, 45)
    assert len(verified) == 5
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(CHALLENGES.c.tries))).scalar_one() == 5
    assert (await complete_login(world, challenge, app.code()))["code"] == "CHALLENGE_EXPIRED"


async def test_aliases_give_no_extra_attempts(limited_world: World) -> None:
    _, token = await limited_world.member("p@example.org")
    field = "updateProfile(input: {}) { ... on Refusal { code } }"
    document = f"mutation {{ {' '.join(f'a{number}: {field}' for number in range(30))} }}"
    results = [each.get("code") for _ in range(3) for each in (await limited_world.data(document, token)).values()]
    assert results == [None] * 60 + ["TOO_MANY_ATTEMPTS"] * 30


async def test_many_wrong_passwords_at_once_are_ten_attempts(limited_world: World) -> None:
    await limited_world.person("p@example.org", password=STRONG)
    wrong = [
        limited_world.post(LOGIN, None, {"input": {"email": "p@example.org", "password": "no"}}) for _ in range(28)
    ]
    answers = [response.json()["data"]["login"] for response in await asyncio.gather(*wrong)]
    results = [answer["code"] for answer in answers]
    assert (results.count("INVALID_CREDENTIALS"), results.count("TOO_MANY_ATTEMPTS")) == (10, 18)
    assert all(a["retryAfterSeconds"] > 0 for a in answers if a["code"] == "TOO_MANY_ATTEMPTS")
    right = await sign_in(limited_world, "P@EXAMPLE.org")
    assert right["code"] == "TOO_MANY_ATTEMPTS", "another spelling is the same account"


async def test_attempts_are_counted_per_network_too(limited_world: World) -> None:
    results = [(await sign_in(limited_world, f"nobody{number}@example.org", "no"))["code"] for number in range(31)]
    assert results == ["INVALID_CREDENTIALS"] * 30 + ["TOO_MANY_ATTEMPTS"]


async def test_strangers_do_not_lock_out_a_known_device(limited_world: World) -> None:
    await limited_world.person("p@example.org", password=STRONG, ipAddress=None)
    device = (await sign_in(limited_world, "p@example.org"))["deviceToken"]
    async with limited_world.services.database.writing() as connection:
        await connection.execute(ACCOUNTS.update().values(ip_address="198.51.100.7"))
    results = [(await sign_in(limited_world, "p@example.org", "no"))["code"] for _ in range(11)]
    assert results == ["INVALID_CREDENTIALS"] * 10 + ["TOO_MANY_ATTEMPTS"]
    assert (await sign_in(limited_world, "p@example.org"))["code"] == "TOO_MANY_ATTEMPTS"
    assert "accessToken" in await sign_in(limited_world, "p@example.org", deviceToken=device)


async def test_wrong_passwords_count_in_every_network_and_for_unknown_addresses(limited_world: World) -> None:
    await limited_world.person("p@example.org", password=STRONG)
    async with limited_world.services.database.writing() as connection:
        await connection.execute(ACCOUNTS.update().values(ip_address="127.0.0.1"))
    for email in ("p@example.org", "nobody@example.org"):
        results = [(await sign_in(limited_world, email, "no"))["code"] for _ in range(11)]
        assert results == ["INVALID_CREDENTIALS"] * 10 + ["TOO_MANY_ATTEMPTS"]
        async with limited_world.services.database.writing() as connection:
            await connection.execute(ACCOUNTS.update().values(ip_address="198.51.100.7"))
        assert (await sign_in(limited_world, email, "no"))["code"] == "TOO_MANY_ATTEMPTS"


async def test_a_refusal_of_the_full_pool_counts_no_attempt(
    limited_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limited_world.person("p@example.org", password=STRONG)
    token = (await sign_in(limited_world, "p@example.org"))["accessToken"]
    change = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    with monkeypatch.context() as patch:
        patch.setattr(limited_world.services.hashing._usual, "_queue_length", 0)
        for _ in range(11):
            assert (await register(limited_world, "new@example.org"))["code"] == "TRY_LATER"
            assert (await sign_in(limited_world, "p@example.org"))["code"] == "TRY_LATER"
            assert (await limited_world.data(CHANGE, token, change))["changePassword"]["code"] == "TRY_LATER"
    assert await register(limited_world, "new@example.org") == {"email": "new@example.org"}
    assert "accessToken" in await sign_in(limited_world, "p@example.org")
    assert "changedAt" in (await limited_world.data(CHANGE, token, change))["changePassword"]


async def test_an_account_can_mail_ten_new_addresses_a_day(limited_world: World) -> None:
    await limited_world.person("p@example.org", password=STRONG)
    token = (await sign_in(limited_world, "p@example.org"))["accessToken"]
    results = [
        await limited_world.data(CHANGE_EMAIL, token, {"e": f"s{each}@example.org", "p": STRONG}) for each in range(11)
    ]
    assert [each["changeEmail"].get("code") for each in results] == [None] * 10 + ["TOO_MANY_ATTEMPTS"]


async def test_an_address_gets_at_most_five_e_mails_a_day(limited_world: World) -> None:
    await limited_world.person("p@example.org", password=STRONG)
    results = [
        await limited_world.ask(ASK_RESET, None, {"e": email}) for email in ("p@example.org", "P@EXAMPLE.ORG") * 3
    ]
    assert [codes(each) for each in results] == [[]] * 5 + [["RATE_LIMITED"]]


async def attempt_from(url: str, *forwarded: str) -> list[str]:
    """The answer to an attempt from each of these forwarded addresses."""
    results = []
    async with httpx.AsyncClient(timeout=60) as client:
        for each in forwarded:
            answer = await client.post(f"{url}/graphql", json={"query": PROVE}, headers={"X-Forwarded-For": each})
            results.append(answer.json()["data"]["verifyEmail"]["code"])
    return results


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_only_a_trusted_proxy_can_name_the_client_address(database_url: str, tmp_path: Path) -> None:
    limits = {"CONSENTQL_RATE_LIMITS": "on"}
    with serving(database_url, tmp_path, **limits) as server:
        results = await attempt_from(server.url, *(f"198.51.100.{number}" for number in range(31)))
        assert results == GONE * 30 + REFUSED, "without a trusted proxy the header is ignored"
    with serving(database_url, tmp_path, **limits, CONSENTQL_TRUSTED_PROXIES="127.0.0.1") as server:
        results = await attempt_from(server.url, *(f"198.51.100.{number}" for number in range(31)))
        assert results == GONE * 31, "each address has its own counter"
        results = await attempt_from(server.url, *(f"198.51.100.{number}, 203.0.113.9" for number in range(31)))
        assert results == GONE * 30 + REFUSED, "only the address that the proxy added counts"
        results = await attempt_from(server.url, *(f"2001:db8:0:7:{number:x}::1" for number in range(31)))
        assert results == GONE * 30 + REFUSED, "an IPv6 network has one counter"
        assert await attempt_from(server.url, "2001:db8:0:8::1") == GONE
