"""What comes at once, or is cut off half-way, ends as if one thing had been done after the other."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from models.tables import ACCESS_TOKENS, ACCOUNTS, METADATA, OBJECTIONS, RECOVERY_CODES, ROLE_GRANTS
from models.tokens import token_rows
from models.vocabulary import LinkUse, Role
from resolvers.hashing.password_hash import Hashing
from resolvers.sign_in import login_refresh_logout as signing_in
from tests.identity import (
    ASK_RESET,
    BEGIN,
    CHANGE,
    CHANGE_EMAIL,
    CONFIRM,
    DISABLE,
    LOGIN,
    OTHER,
    REFRESH,
    RESET,
    STRONG,
    VERIFY,
    VIEWER,
    AuthenticatorApp,
    Clock,
    complete_login,
    enrol_authenticator,
    letters,
    mailed_tokens,
    register,
    sign_in,
)
from tests.statements import recorded_statements
from tests.world import World, codes

LATER = timedelta(days=1)


async def grant(world: World, connection: Any, subject_id: str) -> None:
    """A first grant of SUPPORT, in a transaction that is given."""
    now = world.services.now()
    await token_rows.grant_role(connection, subject_id, Role.SUPPORT, now=now, expires_at=now + LATER, granted_by=None)


async def refreshed(world: World, token: str) -> Any:
    """The whole answer to a browser that refreshes and says Sec-GPC."""
    body = {"query": REFRESH, "variables": {"t": token}}
    return (await world.client.post("/graphql", json=body, headers={"Sec-GPC": "1"})).json()


async def forget(world: World, subject_id: str) -> None:
    """Takes a person's account away, as their erasure does; what no key holds stays."""
    async with world.services.database.writing() as connection:
        for table in reversed(METADATA.sorted_tables):
            for key in table.foreign_keys:
                if key.column.table is ACCOUNTS:
                    await connection.execute(delete(table).where(key.parent == subject_id))
        await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == subject_id))


async def test_a_role_that_is_granted_meanwhile_keeps_the_second_factor(world: World) -> None:
    Clock(world)
    id = await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    app, _ = await enrol_authenticator(world, token)
    async with world.services.database.writing() as connection:
        await grant(world, connection, id)
        waits = asyncio.create_task(world.data(DISABLE, token, {"p": STRONG, "c": app.code()}))
        await asyncio.sleep(0.3)  # by then it has proven the password, and queues for the account
    assert (await waits)["disableTotp"].get("code") == "NOT_PERMITTED"


async def test_two_who_grant_one_role_at_once_grant_it_once(world: World) -> None:
    id = await world.person("p@example.org")

    async def again() -> None:
        async with world.services.database.writing() as connection:
            await grant(world, connection, id)

    async with world.services.database.writing() as connection:
        await grant(world, connection, id)
        waits = asyncio.create_task(again())
        await asyncio.sleep(0.2)
    await waits
    alive = select(func.count()).select_from(ROLE_GRANTS).where(ROLE_GRANTS.c.revoked_at.is_(None))
    async with world.services.database.reading() as connection:
        assert (await connection.execute(alive)).scalar_one() == 1


@pytest.mark.parametrize("use", LinkUse)
async def test_a_link_of_somebody_who_is_gone_is_as_good_as_none(world: World, use: LinkUse) -> None:
    if use is LinkUse.VERIFY:
        await register(world, "p@example.org")
    else:
        await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    await world.data(CHANGE_EMAIL, token, {"e": "new@example.org", "p": STRONG})
    (link,) = await mailed_tokens(world, use)
    async with world.services.database.reading() as connection:
        id = (await connection.execute(select(ACCOUNTS.c.id))).scalar_one()
    await forget(world, id)
    document, given = (RESET, {"t": link, "p": OTHER}) if use is LinkUse.RESET else (VERIFY, {"t": link})
    unknown = await world.post(document, None, {**given, "t": "never one of ours"})
    assert (await world.post(document, None, given)).content == unknown.content


async def test_whoever_is_gone_while_a_password_is_hashed_is_answered_as_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    stock_hash, stock_verify = Hashing.hash_in_pool, Hashing.verify

    async def hash_in_pool(self: Hashing, password: str) -> str:
        await forget(world, id)
        return await stock_hash(self, password)

    async def verify(self: Hashing, stored: str | None, password: str) -> Any:
        await forget(world, again)
        return await stock_verify(self, stored, password)

    monkeypatch.setattr(Hashing, "hash_in_pool", hash_in_pool)
    answer = (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]
    assert answer["code"] == "TOKEN_EXPIRED"
    again = await world.person("p@example.org", password=STRONG)
    monkeypatch.setattr(Hashing, "verify", verify)
    assert (await sign_in(world, "p@example.org"))["code"] == "INVALID_CREDENTIALS"


async def test_a_session_goes_on_and_its_objection_is_recorded_or_neither(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that says Sec-GPC is not refreshed without what it said."""
    clock = Clock(world)
    await world.person("p@example.org", password=STRONG)
    session = await sign_in(world, "p@example.org")
    stock = signing_in.record_objection

    async def cut_off(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(signing_in, "object_to", cut_off)
    assert codes(await refreshed(world, session["refreshToken"])) == ["INTERNAL"]
    monkeypatch.setattr(signing_in, "object_to", stock)
    clock.forward(seconds=31)
    async with recorded_statements(world.services.database) as statements:
        answer = (await refreshed(world, session["refreshToken"]))["data"]["refreshSession"]
    assert "accessToken" in answer, "what was cut off did not happen, so its token is not spent"
    async with world.services.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(OBJECTIONS))).scalar_one() == 1
    locks = [text for text in statements if "FOR UPDATE" in text]
    assert world.services.database.is_sqlite or "FROM accounts" in locks[0], "accounts are locked before sessions"


async def test_whoever_holds_a_staff_role_chooses_a_longer_password(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    await world.token(Role.SUPPORT, id)
    for new, changed in (("plum tide wago", False), ("plum tide wagon", True)):
        given = {"input": {"currentPassword": STRONG, "newPassword": new}}
        answer = (await world.data(CHANGE, token, given))["changePassword"]
        assert ("changedAt" in answer) is changed, answer


async def test_whoever_is_granted_a_staff_role_sets_no_password_by_an_earlier_letter(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    await world.token(Role.SUPPORT, id)
    assert (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "p@example.org")


async def changing(world: World, email: str, new: str) -> str:
    """The link that moves a new person's account to an address."""
    await world.person(email, password=STRONG)
    token = (await sign_in(world, email))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": new, "p": STRONG})
    return (await mailed_tokens(world, LinkUse.CHANGE))[0]


async def test_of_two_accounts_that_move_to_one_address_at_once_one_does(world: World) -> None:
    links = [await changing(world, f"{name}@example.org", "new@example.org") for name in ("a", "b", "c")]
    answers = await asyncio.gather(*(world.data(VERIFY, None, {"t": link}) for link in links))
    told = sorted(str(answer["verifyEmail"].get("email") or answer["verifyEmail"]["code"]) for answer in answers)
    assert told == ["TOKEN_EXPIRED", "TOKEN_EXPIRED", "new@example.org"]
    async with world.services.database.reading() as connection:
        addresses = sorted((await connection.execute(select(ACCOUNTS.c.email))).scalars())
    assert len(addresses) == 3
    assert addresses.count("new@example.org") == 1


async def test_a_link_to_the_old_address_sets_no_password_once_it_is_the_old_one(world: World) -> None:
    """Whoever reads the mailbox that somebody left behind does not follow them."""
    link = await changing(world, "old@example.org", "new@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    assert (await world.data(VERIFY, None, {"t": link}))["verifyEmail"] == {"email": "new@example.org"}
    assert (await world.data(RESET, None, {"t": reset, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "new@example.org")


async def test_an_owner_who_sets_a_new_password_calls_off_a_move_that_somebody_else_began(world: World) -> None:
    link = await changing(world, "old@example.org", "thief@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    assert "changedAt" in (await world.data(RESET, None, {"t": reset, "p": OTHER}))["resetPassword"]
    assert (await world.data(VERIFY, None, {"t": link}))["verifyEmail"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "old@example.org", OTHER)


async def test_a_move_and_a_reset_at_once_leave_one_of_them_done(world: World) -> None:
    link = await changing(world, "old@example.org", "new@example.org")
    await world.data(ASK_RESET, None, {"e": "old@example.org"})
    (reset,) = await mailed_tokens(world, LinkUse.RESET)
    moved, changed = await asyncio.gather(
        world.data(VERIFY, None, {"t": link}), world.data(RESET, None, {"t": reset, "p": OTHER})
    )
    assert ("email" in moved["verifyEmail"]) is not ("changedAt" in changed["resetPassword"])


async def test_a_newer_move_ends_an_older_one(world: World) -> None:
    clock = Clock(world)
    first = await changing(world, "old@example.org", "first@example.org")
    clock.forward(seconds=1)
    token = (await sign_in(world, "old@example.org"))["accessToken"]
    await world.data(CHANGE_EMAIL, token, {"e": "second@example.org", "p": STRONG})
    second = (await mailed_tokens(world, LinkUse.CHANGE))[0]
    assert (await world.data(VERIFY, None, {"t": first}))["verifyEmail"]["code"] == "TOKEN_EXPIRED"
    assert (await world.data(VERIFY, None, {"t": second}))["verifyEmail"] == {"email": "second@example.org"}


async def test_one_code_switches_the_second_factor_on_once(world: World) -> None:
    """However many confirm it, one is shown codes, and nobody else's session is left without the factor."""
    Clock(world)
    await world.person("p@example.org", password=STRONG)
    sessions = [(await sign_in(world, "p@example.org"))["accessToken"] for _ in range(6)]
    begun = (await world.data(BEGIN, sessions[0], {"p": STRONG}))["beginTotpEnrolment"]
    code = AuthenticatorApp(world, begun["secret"]).code()
    answers = await asyncio.gather(
        *(world.ask(CONFIRM, session, {"c": code}) for session in sessions),
        *(world.ask(LOGIN, None, {"input": {"email": "p@example.org", "password": STRONG}}) for _ in range(4)),
        world.ask(BEGIN, sessions[1], {"p": STRONG}),
    )
    shown = [answer for answer in answers if "codes" in str(answer)]
    assert len(shown) <= 1, "none, where another secret had just taken the place of this one"
    assert not [answer for answer in answers if "INTERNAL" in str(answer)]
    alive = select(ACCESS_TOKENS.c.factors).where(ACCESS_TOKENS.c.revoked_at.is_(None))
    async with world.services.database.reading() as connection:
        factors = (await connection.execute(alive)).scalars().all()
        kept = (await connection.execute(select(func.count()).select_from(RECOVERY_CODES))).scalar_one()
    assert kept == 10 * len(shown)
    assert list(factors) == ["password totp"] if shown else "password totp" not in factors


async def test_a_new_password_ends_the_tokens_of_a_role_too(world: World) -> None:
    id = await world.person("p@example.org", password=STRONG)
    mine = (await sign_in(world, "p@example.org"))["accessToken"]
    support = await world.token(Role.SUPPORT, id)
    given = {"input": {"currentPassword": STRONG, "newPassword": OTHER}}
    assert "changedAt" in (await world.data(CHANGE, mine, given))["changePassword"]
    assert [(await world.post(VIEWER, token)).status_code for token in (mine, support)] == [200, 401]


async def test_a_sign_in_from_elsewhere_is_told_unless_its_device_is_known(world: World) -> None:
    """The first one is no news; with a second factor it is told when the sign-in is complete, and not before."""
    clock = Clock(world)
    id = await world.person("p@example.org", password=STRONG, ipAddress=None)
    first = await sign_in(world, "p@example.org")
    app, _ = await enrol_authenticator(world, first["accessToken"])

    async def told(**more: str) -> list[bool]:
        clock.forward(minutes=2)
        async with world.services.database.writing() as connection:
            await connection.execute(update(ACCOUNTS).values(ip_address="198.51.100.7"))
        before = await letters(world, id)
        challenge = (await sign_in(world, "p@example.org", **more))["challenge"]
        between = await letters(world, id)
        assert "accessToken" in await complete_login(world, challenge, app.code(), **more)
        after = await letters(world, id)
        return ["NEW_DEVICE" in since for since in (before, between[len(before) :], after[len(before) :])]

    assert await told(deviceToken=first["deviceToken"]) == [False, False, False]
    assert await told() == [False, False, True]
