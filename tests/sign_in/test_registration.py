"""Who has an address is told to its mailbox and to nobody else; until it is proven an account is nobody's data."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from app.graphql import endpoint
from models.database import Database
from models.tables import ACCOUNTS, CONSENT_RECORDS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import LinkUse, Role
from permissions.rate_limits import RateLimiter
from tests.identity import (
    ASK_RESET,
    CHANGE,
    CHANGE_EMAIL,
    OTHER,
    REGISTER,
    RESET,
    STRONG,
    VERIFY,
    VIEWER,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    mailed_tokens,
    register,
    registration_input,
    sign_in,
)
from tests.world import World, codes, world_of

ME = """{ me { emailVerified user { id email firstName lastName preRegistration { jobRole } }
  consents { purpose granted status } } }"""
FORM = {"jobRole": "teacher"}


async def verify(world: World, token: str, session: str | None = None) -> Any:
    return (await world.data(VERIFY, session, {"t": token}))["verifyEmail"]


async def reset(world: World, token: str, password: str = OTHER) -> Any:
    return (await world.data(RESET, None, {"t": token, "p": password}))["resetPassword"]


async def count(world: World, table: Any) -> int:
    async with world.services.database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_who_registers_is_self_alone_until_the_address_is_proven(world: World) -> None:
    filled = {"firstName": "Ada", "lastName": "L", "preRegistration": FORM, "consents": ["SOCIAL", "EXPANSION"]}
    assert await register(world, "Ada@Example.org", **filled) == {"email": "Ada@example.org"}
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
    asked = f'{{ user(id: "{me["user"]["id"]}") {{ firstName }} }}'
    assert (await world.data(asked, other))["user"] is None
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert await verify(world, link, token) == {"email": "Ada@example.org"}
    assert (await verify(world, link, token))["code"] == "TOKEN_EXPIRED"
    me = (await world.data(ME, token))["me"]
    assert me["emailVerified"] is True
    assert [each["granted"] for each in me["consents"]] == [True] * 3
    assert (await world.data(asked, other))["user"] == {"firstName": "Ada"}


async def test_a_link_confirms_what_was_registered_from_the_same_network(world: World) -> None:
    await register(world, "ada@example.org")
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert await verify(world, link) == {"email": "ada@example.org"}


async def test_a_link_alone_confirms_nothing_that_a_stranger_registered_elsewhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the letter shows by a session, and so by the password, that the account is theirs."""
    filled = {"firstName": "Mallory", "consents": ["SOCIAL"]}
    await register(world, "victim@example.org", **filled)
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    _, other = await world.member("victim.elsewhere@example.org")
    monkeypatch.setattr(endpoint, "address_of", lambda _request: "203.0.113.9")
    for session in (None, other):
        assert (await verify(world, link, session))["code"] == "NOT_PERMITTED"
    owner = (await sign_in(world, "victim@example.org"))["accessToken"]
    me = (await world.data(ME, owner))["me"]
    assert (me["emailVerified"], me["consents"][1]["granted"]) == (False, False)
    assert await verify(world, link, owner) == {"email": "victim@example.org"}, "and the link was not used up"


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
async def test_what_cannot_be_registered_is_refused_by_name(world: World, more: Any, code: str, field: str) -> None:
    answer = await register(world, **{"email": "p@example.org", **more})
    assert (answer["code"], answer["field"]) == (code, field)
    assert more.get("password", "?" * 9) not in answer["message"]
    assert await count(world, ACCOUNTS) == 0


async def test_a_known_address_and_a_new_one_answer_alike_and_do_the_same(world: World) -> None:
    id = await world.person("known@example.org", password=STRONG)
    before = await world.account(id)
    first = await world.post(REGISTER, None, {"input": registration_input("known@example.org")})
    second = await world.post(REGISTER, None, {"input": registration_input("other@example.org")})
    assert first.text.replace("known", "other") == second.text
    assert await world.account(id) == before
    assert await letters(world, id) == ["ALREADY_REGISTERED"]
    assert await count(world, ACCOUNTS) == 2
    assert "accessToken" in await sign_in(world, "known@example.org")


async def test_two_who_register_one_address_at_once_make_one_account(world: World) -> None:
    given = [registration_input("p@example.org", consents=["SOCIAL"], firstName=f"N{number}") for number in range(6)]
    answers = await asyncio.gather(*(world.data(REGISTER, None, {"input": each}) for each in given))
    assert all(answer["register"] == {"email": "p@example.org"} for answer in answers)
    assert [await count(world, table) for table in (ACCOUNTS, PROFILES, CONSENT_RECORDS)] == [1, 1, 1]


async def test_whoever_has_the_mailbox_takes_an_unproven_account_over_blank(world: World) -> None:
    """Somebody registers with another's address and waits: neither their words nor their password stay."""
    filled = {"firstName": "Mallory", "preRegistration": FORM, "consents": ["SOCIAL", "EXPANSION"]}
    await register(world, "victim@example.org", **filled)
    attacker = await sign_in(world, "victim@example.org")
    await register(world, "victim@example.org", password=OTHER)
    assert (await letters(world))[-1] == "CLAIM_ADDRESS"
    (claim,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in await reset(world, claim)
    assert (await world.post(VIEWER, attacker["accessToken"])).status_code == 401
    assert (await sign_in(world, "victim@example.org"))["code"] == "INVALID_CREDENTIALS"
    token = (await sign_in(world, "victim@example.org", OTHER))["accessToken"]
    me = (await world.data(ME, token))["me"]
    assert me["emailVerified"] is True
    assert (me["user"]["firstName"], me["user"]["preRegistration"]) == (None, None)
    assert [each["status"] for each in me["consents"]] == ["GRANTED", "WITHDRAWN", "WITHDRAWN"]
    assert [await count(world, table) for table in (PROFILES, PRE_REGISTRATIONS)] == [0, 0]
    (old,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert (await verify(world, old))["code"] == "TOKEN_EXPIRED"


async def test_a_reset_is_asked_for_alike_whoever_has_the_address(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.person("p@example.org", password=STRONG)
    staff = await world.person("staff@example.org", password=STRONG)
    await world.token(Role.SUPPORT, staff)
    addresses = ("p@example.org", "staff@example.org", "nobody@example.org", "no address", "")
    answers = {(await world.post(ASK_RESET, None, {"e": email})).text for email in addresses}
    assert len(answers) == 1
    assert '"requestPasswordReset":true' in answers.pop()
    assert await letters(world, staff) == [], "whoever holds a staff role sets no password by mail"
    assert [line.getMessage() for line in caplog.records if line.levelname == "WARNING"] == [
        "a password reset was requested for a person with a staff role"
    ]
    assert len(await mailed_tokens(world, LinkUse.RESET)) == 1


async def test_a_reset_keeps_the_second_factor_and_ends_every_session(world: World) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    app, _ = await enrol_authenticator(world, token)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    answers = await asyncio.gather(*(reset(world, link) for _ in range(20)))
    assert sum("changedAt" in answer for answer in answers) == 1
    assert (await world.post(VIEWER, token)).status_code == 401
    clock.forward(minutes=2)
    challenge = (await sign_in(world, "p@example.org", OTHER))["challenge"]
    assert "accessToken" in await complete_login(world, challenge, app.code())


async def test_a_link_works_once_for_a_while_and_a_newer_one_ends_it(world: World) -> None:
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (first,) = await mailed_tokens(world, LinkUse.RESET)
    clock.forward(seconds=1)
    await world.data(ASK_RESET, None, {"e": "P@Example.org"})
    newer = (await mailed_tokens(world, LinkUse.RESET))[0]
    assert (await reset(world, first))["code"] == "TOKEN_EXPIRED"
    assert (await reset(world, newer, "password1"))["code"] == "WEAK_PASSWORD"
    assert "changedAt" in await reset(world, newer), "a weak choice does not use the link up"
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    late = (await mailed_tokens(world, LinkUse.RESET))[0]
    clock.forward(minutes=30)
    assert (await reset(world, late))["code"] == "TOKEN_EXPIRED"
    for wrong in (late[:-1] + "x", "", "cql_us_" + "0" * 49):
        assert (await reset(world, wrong))["code"] == "TOKEN_EXPIRED"
        assert (await verify(world, wrong))["code"] == "TOKEN_EXPIRED"


async def test_a_link_does_what_it_was_sent_for_alone(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    assert (await verify(world, link))["code"] == "TOKEN_EXPIRED"
    assert (await world.post(VIEWER, link)).status_code == 401


async def test_a_new_address_counts_once_its_mailbox_says_so(world: World) -> None:
    id = await world.person("old@example.org", password=STRONG)
    await world.person("taken@example.org", password=STRONG)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    wrong = (await world.data(CHANGE_EMAIL, token, {"e": "new@example.org", "p": "no"}))["changeEmail"]
    assert wrong["code"] == "INVALID_CREDENTIALS"
    answers = [
        await world.post(CHANGE_EMAIL, token, {"e": f"{name}@example.org", "p": STRONG}) for name in ("taken", "newer")
    ]
    assert answers[0].text.replace("taken", "newer") == answers[1].text
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    assert (await world.account(id)).email == "old@example.org"
    assert await verify(world, link) == {"email": "newer@example.org"}
    assert "accessToken" in await sign_in(world, "newer@example.org")
    assert (await sign_in(world, "old@example.org"))["code"] == "INVALID_CREDENTIALS"
    assert "ADDRESS_CHANGING" in await letters(world, id)


async def test_a_link_of_before_does_not_tell_whether_an_address_asked_for_later_is_free(world: World) -> None:
    await world.person("taken@example.org", password=STRONG)
    told = []
    for name in ("taken", "free"):
        await world.person(f"{name}.asker@example.org", password=STRONG)
        token = (await sign_in(world, f"{name}.asker@example.org"))["accessToken"]
        await world.data(CHANGE_EMAIL, token, {"e": f"{name}.mine@example.org", "p": STRONG})
        (link, *_) = await mailed_tokens(world, LinkUse.CHANGE)
        await world.data(CHANGE_EMAIL, token, {"e": f"{name}@example.org", "p": STRONG})
        told.append(await verify(world, link))
    assert told[0] == told[1]
    assert told[0]["code"] == "TOKEN_EXPIRED"


async def test_an_address_that_was_taken_meanwhile_is_not_taken_twice(world: World) -> None:
    id = await world.person("old@example.org", password=STRONG)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": "new@example.org", "p": STRONG})
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    await register(world, "new@example.org", password=OTHER)
    assert (await verify(world, link))["code"] == "TOKEN_EXPIRED"
    assert (await world.account(id)).email == "old@example.org"


async def test_strangers_elsewhere_do_not_lock_out_a_device_that_its_owner_signed_in_on(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    await world.person("p@example.org", password=STRONG, ipAddress=None)
    device = (await sign_in(world, "p@example.org"))["deviceToken"]
    async with world.services.database.writing() as connection:
        await connection.execute(ACCOUNTS.update().values(ip_address="198.51.100.7"))
    told = [(await sign_in(world, "p@example.org", "no"))["code"] for _ in range(11)]
    assert told == ["INVALID_CREDENTIALS"] * 10 + ["TOO_MANY_ATTEMPTS"]
    assert (await sign_in(world, "p@example.org"))["code"] == "TOO_MANY_ATTEMPTS"
    assert "accessToken" in await sign_in(world, "p@example.org", deviceToken=device)
    world.services.hashing.close()


async def test_ten_wrong_tries_here_count_elsewhere_whether_or_not_anybody_has_the_address(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    await world.person("p@example.org", password=STRONG)
    async with world.services.database.writing() as connection:
        await connection.execute(ACCOUNTS.update().values(ip_address="127.0.0.1"))
    for email in ("p@example.org", "nobody@example.org"):
        told = [(await sign_in(world, email, "no"))["code"] for _ in range(11)]
        assert told == ["INVALID_CREDENTIALS"] * 10 + ["TOO_MANY_ATTEMPTS"]
        async with world.services.database.writing() as connection:
            await connection.execute(ACCOUNTS.update().values(ip_address="198.51.100.7"))
        assert (await sign_in(world, email, "no"))["code"] == "TOO_MANY_ATTEMPTS"
    world.services.hashing.close()


async def test_whoever_comes_again_as_told_has_lost_no_attempt(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    change = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    with monkeypatch.context() as crowded:
        crowded.setattr(world.services.hashing._usual, "_queue_length", 0)
        for _ in range(11):
            assert (await register(world, "new@example.org"))["code"] == "TRY_LATER"
            assert (await sign_in(world, "p@example.org"))["code"] == "TRY_LATER"
            assert (await world.data(CHANGE, token, change))["changePassword"]["code"] == "TRY_LATER"
    assert await register(world, "new@example.org") == {"email": "new@example.org"}
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert "changedAt" in (await world.data(CHANGE, token, change))["changePassword"]
    world.services.hashing.close()


async def test_one_account_has_few_letters_sent_to_addresses_of_its_choice(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    asked = [await world.data(CHANGE_EMAIL, token, {"e": f"s{each}@example.org", "p": STRONG}) for each in range(11)]
    assert [each["changeEmail"].get("code") for each in asked] == [None] * 10 + ["TOO_MANY_ATTEMPTS"]
    world.services.hashing.close()


async def test_letters_to_one_address_are_few(database: Database) -> None:
    world = world_of(database, limits=RateLimiter(on=True))
    await world.person("p@example.org", password=STRONG)
    told = [await world.ask(ASK_RESET, None, {"e": email}) for email in ("p@example.org", "P@EXAMPLE.ORG") * 3]
    assert [codes(each) for each in told] == [[]] * 5 + [["RATE_LIMITED"]]
    world.services.hashing.close()
