"""What comes at once, or is cut off half-way, ends as if one thing had been done after the other."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from models import issuing
from models.tables import ACCOUNTS, METADATA, OBJECTIONS, ROLE_GRANTS
from models.vocabulary import MailedUse, Role
from resolvers import sign_in as signing_in
from resolvers.hashing import Hashing
from tests.identity import (
    ASK_RESET,
    CHANGE,
    CHANGE_EMAIL,
    DISABLE,
    OTHER,
    REFRESH,
    RESET,
    STRONG,
    VERIFY,
    Clock,
    enrolled,
    mailed,
    register,
    sign_in,
)
from tests.statements import counted
from tests.world import World, codes

LATER = timedelta(days=1)


async def grant(world: World, connection: Any, subject_id: str) -> None:
    """A first grant of SUPPORT, in a transaction that is given."""
    now = world.services.now()
    await issuing.grant_role(connection, subject_id, Role.SUPPORT, now=now, expires_at=now + LATER, granted_by=None)


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
    app, _ = await enrolled(world, token)
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


@pytest.mark.parametrize("use", MailedUse)
async def test_a_link_of_somebody_who_is_gone_is_as_good_as_none(world: World, use: MailedUse) -> None:
    if use is MailedUse.VERIFY:
        await register(world, "p@example.org")
    else:
        await world.person("p@example.org", password=STRONG)
    token = (await sign_in(world, "p@example.org"))["accessToken"]
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    await world.data(CHANGE_EMAIL, token, {"e": "new@example.org", "p": STRONG})
    (link,) = await mailed(world, use)
    async with world.services.database.reading() as connection:
        id = (await connection.execute(select(ACCOUNTS.c.id))).scalar_one()
    await forget(world, id)
    document, given = (RESET, {"t": link, "p": OTHER}) if use is MailedUse.RESET else (VERIFY, {"t": link})
    unknown = await world.post(document, None, {**given, "t": "never one of ours"})
    assert (await world.post(document, None, given)).content == unknown.content


async def test_whoever_is_gone_while_a_password_is_hashed_is_answered_as_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed(world, MailedUse.RESET)
    stock_hash, stock_verify = Hashing.hash_soon, Hashing.verify

    async def hash_soon(self: Hashing, password: str) -> str:
        await forget(world, id)
        return await stock_hash(self, password)

    async def verify(self: Hashing, stored: str | None, password: str) -> Any:
        await forget(world, again)
        return await stock_verify(self, stored, password)

    monkeypatch.setattr(Hashing, "hash_soon", hash_soon)
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
    stock = signing_in.object_to

    async def cut_off(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(signing_in, "object_to", cut_off)
    assert codes(await refreshed(world, session["refreshToken"])) == ["INTERNAL"]
    monkeypatch.setattr(signing_in, "object_to", stock)
    clock.forward(seconds=31)
    async with counted(world.services.database) as statements:
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
    (link,) = await mailed(world, MailedUse.RESET)
    await world.token(Role.SUPPORT, id)
    assert (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]["code"] == "TOKEN_EXPIRED"
    assert "accessToken" in await sign_in(world, "p@example.org")
