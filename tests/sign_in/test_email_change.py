"""A new e-mail address takes effect when its link is used."""

import asyncio

import pytest
from sqlalchemy import select

from app.graphql import endpoint
from models.letters import LinkUse
from models.tables import ACCOUNTS
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    OTHER,
    RESET,
    STRONG,
    VERIFY,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    mailed_tokens,
    new_challenge,
    register,
    sign_in,
    token_status,
    verify_email,
)
from tests.world import World


async def request_change(world: World, email: str, new: str) -> str:
    """Stores a person and requests a new address. Returns the link."""
    await world.person(email, password=STRONG)
    token = (await sign_in(world, email))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": new, "p": STRONG})
    return (await mailed_tokens(world, LinkUse.CHANGE))[0]


async def test_a_new_address_takes_effect_with_its_link(world: World) -> None:
    id = await world.person("old@example.org", password=STRONG)
    await world.person("taken@example.org", password=STRONG)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    wrong = (await world.data(CHANGE_EMAIL, token, {"e": "new@example.org", "p": "no"}))["changeEmail"]
    assert wrong["code"] == "INVALID_CREDENTIALS"
    answers = [
        await world.post(CHANGE_EMAIL, token, {"e": f"{name}@example.org", "p": STRONG}) for name in ("taken", "newer")
    ]
    assert answers[0].text.replace("taken", "newer") == answers[1].text
    link, _ = await mailed_tokens(world, LinkUse.CHANGE)
    assert (await world.account(id)).email == "old@example.org"
    assert await verify_email(world, link) == {"email": "newer@example.org"}
    assert "accessToken" in await sign_in(world, "newer@example.org")
    assert (await sign_in(world, "old@example.org"))["code"] == "INVALID_CREDENTIALS"
    assert "ADDRESS_CHANGING" in await letters(world, id)


async def test_a_link_moves_no_account_of_a_stranger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the network that requested the change, only a session of the account can use the link."""
    id = await world.person("stranger@example.org", password=STRONG)
    stranger = (await sign_in(world, "stranger@example.org"))["accessToken"]
    await world.data(CHANGE_EMAIL, stranger, {"e": "victim@example.org", "p": STRONG})
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    _, other = await world.member("victim.elsewhere@example.org")
    monkeypatch.setattr(endpoint, "address_of", lambda _request: "203.0.113.9")
    for session in (None, other):
        assert (await verify_email(world, link, session))["code"] == "NOT_PERMITTED"
        assert (await world.account(id)).email == "stranger@example.org"
    assert await verify_email(world, link, stranger) == {"email": "victim@example.org"}, "the link was not used"


@pytest.mark.parametrize("in_session", [True, False])
async def test_a_new_address_ends_the_other_sessions_and_links(world: World, *, in_session: bool) -> None:
    Clock(world)
    await world.person("old@example.org", password=STRONG)
    mine, other = [(await sign_in(world, "old@example.org"))["accessToken"] for _ in range(2)]
    app, recovery = await enrol_authenticator(world, mine)
    answer = await complete_login(world, await new_challenge(world, "old@example.org"), app.code())
    assert await token_status(world, other) == 401
    other, pending = answer["accessToken"], await new_challenge(world, "old@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    await world.data(CHANGE_EMAIL, mine, {"e": "new@example.org", "p": STRONG, "c": recovery[0]})
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    assert [await token_status(world, each) for each in (mine, other)] == [200, 200], "nothing has moved yet"
    assert await verify_email(world, link, mine if in_session else None) == {"email": "new@example.org"}
    assert [await token_status(world, each) for each in (mine, other)] == [200 if in_session else 401, 401]
    assert (await complete_login(world, pending, recovery[1]))["code"] == "CHALLENGE_EXPIRED"
    assert (await world.data(RESET, None, {"t": reset, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"


async def test_a_change_of_address_needs_the_second_factor_that_is_on(world: World) -> None:
    Clock(world)
    await world.person("old@example.org", password=STRONG)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    app, recovery = await enrol_authenticator(world, token)
    given = {"e": "new@example.org", "p": STRONG}
    for code, refusal in ((None, "TOTP_REQUIRED"), ("000000", "INVALID_CODE"), (app.code(-1), "INVALID_CODE")):
        answer = (await world.data(CHANGE_EMAIL, token, {**given, "c": code}))["changeEmail"]
        assert (answer["code"], answer["field"]) == (refusal, "code")
        assert await mailed_tokens(world, LinkUse.CHANGE) == []
    wrong = (await world.data(CHANGE_EMAIL, token, {**given, "p": "no", "c": app.code()}))["changeEmail"]
    assert wrong["code"] == "INVALID_CREDENTIALS"
    for code in (app.code(), recovery[0]):
        assert "newEmail" in (await world.data(CHANGE_EMAIL, token, {**given, "c": code}))["changeEmail"]


async def test_an_earlier_link_does_not_reveal_whether_a_later_address_is_free(world: World) -> None:
    await world.person("taken@example.org", password=STRONG)
    results = []
    for name in ("taken", "free"):
        await world.person(f"{name}.asker@example.org", password=STRONG)
        token = (await sign_in(world, f"{name}.asker@example.org"))["accessToken"]
        await world.data(CHANGE_EMAIL, token, {"e": f"{name}.mine@example.org", "p": STRONG})
        (link, *_) = await mailed_tokens(world, LinkUse.CHANGE)
        await world.data(CHANGE_EMAIL, token, {"e": f"{name}@example.org", "p": STRONG})
        results.append(await verify_email(world, link))
    assert results[0] == results[1]
    assert results[0]["code"] == "TOKEN_EXPIRED"


async def test_an_address_registered_meanwhile_is_not_taken_twice(world: World) -> None:
    id = await world.person("old@example.org", password=STRONG)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": "new@example.org", "p": STRONG})
    (link,) = await mailed_tokens(world, LinkUse.CHANGE)
    await register(world, "new@example.org", password=OTHER)
    assert (await verify_email(world, link))["code"] == "TOKEN_EXPIRED"
    assert (await world.account(id)).email == "old@example.org"


async def test_only_one_account_can_change_to_an_address(world: World) -> None:
    links = [await request_change(world, f"{name}@example.org", "new@example.org") for name in ("a", "b", "c")]
    answers = await asyncio.gather(*(world.data(VERIFY, None, {"t": link}) for link in links))
    results = sorted(str(answer["verifyEmail"].get("email") or answer["verifyEmail"]["code"]) for answer in answers)
    assert results == ["TOKEN_EXPIRED", "TOKEN_EXPIRED", "new@example.org"]
    async with world.services.database.reading() as connection:
        addresses = sorted((await connection.execute(select(ACCOUNTS.c.email))).scalars())
    assert len(addresses) == 3
    assert addresses.count("new@example.org") == 1


async def test_a_link_mailed_to_the_old_address_sets_no_password(world: World) -> None:
    """The new owner of an old mailbox cannot take over the account."""
    link = await request_change(world, "old@example.org", "new@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    assert (await world.data(VERIFY, None, {"t": link}))["verifyEmail"] == {"email": "new@example.org"}
    assert (await world.data(RESET, None, {"t": reset, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "new@example.org")


async def test_a_password_reset_cancels_a_change_of_address(world: World) -> None:
    link = await request_change(world, "old@example.org", "thief@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in (await world.data(RESET, None, {"t": reset, "p": OTHER}))["resetPassword"]
    assert (await world.data(VERIFY, None, {"t": link}))["verifyEmail"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "old@example.org", OTHER)


async def test_of_a_change_of_address_and_a_reset_at_once_one_is_done(world: World) -> None:
    link = await request_change(world, "old@example.org", "new@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    moved, changed = await asyncio.gather(
        world.data(VERIFY, None, {"t": link}), world.data(RESET, None, {"t": reset, "p": OTHER})
    )
    assert ("email" in moved["verifyEmail"]) is not ("changedAt" in changed["resetPassword"])


async def test_a_newer_change_of_address_replaces_an_older_one(world: World) -> None:
    clock = Clock(world)
    first = await request_change(world, "old@example.org", "first@example.org")
    clock.forward(seconds=1)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": "second@example.org", "p": STRONG})
    second = (await mailed_tokens(world, LinkUse.CHANGE))[0]
    assert (await world.data(VERIFY, None, {"t": first}))["verifyEmail"]["code"] == "TOKEN_EXPIRED"
    assert (await world.data(VERIFY, None, {"t": second}))["verifyEmail"] == {"email": "second@example.org"}
