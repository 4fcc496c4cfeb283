"""Registration answers the same for free and taken addresses, and an unverified account is visible only to itself."""

import asyncio
from typing import Any

import pytest

from app.graphql import endpoint
from models.letters import LinkUse
from models.tables import ACCOUNTS, CONSENT_RECORDS, PRE_REGISTRATIONS, PROFILES
from tests.identity import (
    OTHER,
    REGISTER,
    STRONG,
    VIEWER,
    count_rows,
    letters,
    mailed_tokens,
    register,
    registration_input,
    reset_password,
    sign_in,
    verify_email,
)
from tests.world import World

ME = """{ me { emailVerified user { id email firstName lastName preRegistration { jobRole } }
  consents { purpose granted status } } }"""


FORM = {"jobRole": "teacher"}


async def test_a_new_account_sees_only_itself_until_its_address_is_verified(world: World) -> None:
    filled = {"firstName": "Ada", "lastName": "L", "preRegistration": FORM, "consents": ["SOCIAL", "EXPANSION"]}
    assert await register(world, "Ada@Example.org", **filled) == {"email": "Ada@Example.org"}
    token = (await sign_in(world, "ada@example.org"))["accessToken"]
    me = (await world.data(ME, token))["me"]
    assert me["user"]["firstName"] == "Ada"
    assert me["user"]["preRegistration"] == FORM
    assert [(each["granted"], each["status"]) for each in me["consents"]] == [
        (True, "GRANTED"),
        (False, "GRANTED"),
        (False, "GRANTED"),
    ]
    _, other = await world.member("o@example.org")
    query = f'{{ user(id: "{me["user"]["id"]}") {{ firstName }} }}'
    assert (await world.data(query, other))["user"] is None
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert await verify_email(world, link, token) == {"email": "Ada@Example.org"}
    assert (await verify_email(world, link, token))["code"] == "TOKEN_EXPIRED"
    me = (await world.data(ME, token))["me"]
    assert me["emailVerified"] is True
    assert [each["granted"] for each in me["consents"]] == [True] * 3
    assert (await world.data(query, other))["user"] == {"firstName": "Ada"}


async def test_a_link_works_in_the_network_of_the_registration(world: World) -> None:
    await register(world, "ada@example.org")
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert await verify_email(world, link) == {"email": "ada@example.org"}


async def test_a_link_does_not_verify_an_account_that_a_stranger_registered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside the network of the registration, only a session of the account can use the link."""
    filled = {"firstName": "Mallory", "consents": ["SOCIAL"]}
    await register(world, "victim@example.org", **filled)
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    _, other = await world.member("victim.elsewhere@example.org")
    monkeypatch.setattr(endpoint, "address_of", lambda _request: "203.0.113.9")
    for session in (None, other):
        assert (await verify_email(world, link, session))["code"] == "NOT_PERMITTED"
    owner = (await sign_in(world, "victim@example.org"))["accessToken"]
    me = (await world.data(ME, owner))["me"]
    assert (me["emailVerified"], me["consents"][1]["granted"]) == (False, False)
    assert await verify_email(world, link, owner) == {"email": "victim@example.org"}, "the link was not used"


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"email": "no address"}, "INVALID_INPUT", "input.email"),
        ({"policyVersion": "2020-01-01"}, "POLICY_VERSION_OUTDATED", "input.policyVersion"),
        ({"consents": ["SERVICE"]}, "CONSENT_MANDATORY", "input.consents"),
        ({"firstName": "Ada"}, "CONSENT_REQUIRED", "input.firstName"),
        ({"lastName": "L", "consents": ["EXPANSION"]}, "CONSENT_REQUIRED", "input.lastName"),
        ({"preRegistration": FORM, "consents": ["SOCIAL"]}, "CONSENT_REQUIRED", "input.preRegistration"),
        (
            {"preRegistration": {"country": "XX"}, "consents": ["EXPANSION"]},
            "INVALID_INPUT",
            "input.preRegistration.country",
        ),
        ({"password": "password1"}, "WEAK_PASSWORD", "input.password"),
        (
            {"password": "ada.lovelace.ada.lovelace", "email": "ada.lovelace@example.org"},
            "WEAK_PASSWORD",
            "input.password",
        ),
        ({"password": "x" * 2000}, "WEAK_PASSWORD", "input.password"),
    ],
)
async def test_an_invalid_registration_is_refused_at_its_field(world: World, more: Any, code: str, field: str) -> None:
    answer = await register(world, **{"email": "p@example.org", **more})
    assert (answer["code"], answer["field"]) == (code, field)
    assert more.get("password", "?" * 9) not in answer["message"]
    assert await count_rows(world, ACCOUNTS) == 0


async def test_a_taken_address_and_a_new_one_get_the_same_answer(world: World) -> None:
    id = await world.person("known@example.org", password=STRONG)
    before = await world.account(id)
    first = await world.post(REGISTER, None, {"input": registration_input("known@example.org")})
    second = await world.post(REGISTER, None, {"input": registration_input("other@example.org")})
    assert first.text.replace("known", "other") == second.text
    assert await world.account(id) == before
    assert await letters(world, id) == ["ALREADY_REGISTERED"]
    assert await count_rows(world, ACCOUNTS) == 2
    assert "accessToken" in await sign_in(world, "known@example.org")


async def test_several_registrations_of_an_address_at_once_store_one_account(world: World) -> None:
    variables = [
        registration_input("p@example.org", consents=["SOCIAL"], firstName=f"N{number}") for number in range(6)
    ]
    answers = await asyncio.gather(*(world.data(REGISTER, None, {"input": each}) for each in variables))
    assert all(answer["register"] == {"email": "p@example.org"} for answer in answers)
    assert [await count_rows(world, table) for table in (ACCOUNTS, PROFILES, CONSENT_RECORDS)] == [1, 1, 1]


async def test_the_owner_of_an_address_claims_an_unverified_account_empty(world: World) -> None:
    """If a stranger registers an address, their data and password are deleted when the owner claims it."""
    filled = {"firstName": "Mallory", "preRegistration": FORM, "consents": ["SOCIAL", "EXPANSION"]}
    await register(world, "victim@example.org", **filled)
    attacker = await sign_in(world, "victim@example.org")
    await register(world, "victim@example.org", password=OTHER)
    assert (await letters(world))[-1] == "CLAIM_ADDRESS"
    (claim,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in await reset_password(world, claim)
    assert (await world.post(VIEWER, attacker["accessToken"])).status_code == 401
    assert (await sign_in(world, "victim@example.org"))["code"] == "INVALID_CREDENTIALS"
    token = (await sign_in(world, "victim@example.org", OTHER))["accessToken"]
    me = (await world.data(ME, token))["me"]
    assert me["emailVerified"] is True
    assert (me["user"]["firstName"], me["user"]["preRegistration"]) == (None, None)
    assert [each["status"] for each in me["consents"]] == ["GRANTED", "WITHDRAWN", "WITHDRAWN"]
    assert [await count_rows(world, table) for table in (PROFILES, PRE_REGISTRATIONS)] == [0, 0]
    (old,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert (await verify_email(world, old))["code"] == "TOKEN_EXPIRED"
