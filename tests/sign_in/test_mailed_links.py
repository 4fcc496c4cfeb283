"""A mailed link does only what it was sent for, and nothing after its account was erased."""

from typing import Any

import pytest
from sqlalchemy import delete, select

from models.letters import LinkUse
from models.tables import ACCOUNTS, METADATA
from resolvers.hashing.password_hash import Hashing
from tests.identity import (
    ASK_RESET,
    CHANGE_EMAIL,
    OTHER,
    RESET,
    STRONG,
    VERIFY,
    VIEWER,
    mailed_tokens,
    register,
    sign_in,
    verify_email,
)
from tests.statements import recorded_statements
from tests.world import World


async def test_a_link_works_only_for_its_purpose(world: World) -> None:
    await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    assert (await verify_email(world, link))["code"] == "TOKEN_EXPIRED"
    assert (await world.post(VIEWER, link)).status_code == 401


async def erase_account(world: World, subject_id: str) -> None:
    """Deletes a person with every row that refers to them."""
    async with world.services.database.writing() as connection:
        for table in reversed(METADATA.sorted_tables):
            for key in table.foreign_keys:
                if key.column.table is ACCOUNTS:
                    await connection.execute(delete(table).where(key.parent == subject_id))
        await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == subject_id))


@pytest.mark.parametrize("use", LinkUse)
async def test_the_link_of_an_erased_account_answers_like_an_unknown_one(world: World, use: LinkUse) -> None:
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
    await erase_account(world, id)
    document, variables = (RESET, {"t": link, "p": OTHER}) if use is LinkUse.RESET else (VERIFY, {"t": link})
    unknown = await world.post(document, None, {**variables, "t": "not a token"})
    assert (await world.post(document, None, variables)).content == unknown.content


async def test_an_account_erased_while_a_password_is_hashed_answers_like_an_unknown_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await world.person("p@example.org", password=STRONG)
    await world.data(ASK_RESET, None, {"e": "p@example.org"})
    (link,) = await mailed_tokens(world, LinkUse.RESET)
    stock_hash, stock_verify = Hashing.hash_in_pool, Hashing.verify

    async def hash_in_pool(self: Hashing, password: str) -> str:
        await erase_account(world, id)
        return await stock_hash(self, password)

    async def verify(self: Hashing, stored: str | None, password: str, **more: bool) -> Any:
        await erase_account(world, again)
        return await stock_verify(self, stored, password, **more)

    monkeypatch.setattr(Hashing, "hash_in_pool", hash_in_pool)
    answer = (await world.data(RESET, None, {"t": link, "p": OTHER}))["resetPassword"]
    assert answer["code"] == "TOKEN_EXPIRED"
    again = await world.person("p@example.org", password=STRONG)
    monkeypatch.setattr(Hashing, "verify", verify)
    assert (await sign_in(world, "p@example.org"))["code"] == "INVALID_CREDENTIALS"


async def test_the_account_is_locked_before_its_link_is_used(world: World) -> None:
    """Ending a link locks in the same order; the other order would be a deadlock on PostgreSQL."""
    await register(world, "n@example.org")
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    token = (await sign_in(world, "n@example.org"))["accessToken"]
    async with recorded_statements(world.services.database) as statements:
        await world.data(VERIFY, token, {"t": link})
    used = next(place for place, text in enumerate(statements) if text.startswith("UPDATE mailed_tokens"))
    assert any("FROM accounts" in text for text in statements[:used])
