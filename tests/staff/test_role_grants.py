"""Only OPERATIONS grants roles, never to itself, and a role is granted once."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from models.tables import ROLE_GRANTS
from models.tokens import token_rows
from models.vocabulary import Role
from tests.world import World, codes


async def test_only_operations_grants_roles_and_not_to_itself(world: World) -> None:
    boss_id = await world.person("boss@example.org")
    boss = await world.token(Role.OPERATIONS, boss_id)
    person = await world.person("p@example.org")
    grant = "mutation ($id: ID!, $role: Role!, $at: DateTime!) { grantRole(userId: $id, role: $role, expiresAt: $at) }"
    soon = (world.services.now() + timedelta(days=1)).isoformat()
    good = {"id": person, "role": "SUPPORT", "at": soon}

    assert (await world.data(grant, boss, good))["grantRole"] is True
    assert (await world.data("{ me { roles } }", await world.token(holder=person)))["me"]["roles"] == ["SUPPORT"]
    assert (await world.data(grant, boss, {**good, "id": "0" * 32}))["grantRole"] is False
    for wrong, argument in (
        ({"id": boss_id}, "userId"),
        ({"role": "MEMBER"}, "role"),
        ({"role": "PROCESSOR"}, "role"),
        ({"at": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"at": "9999-01-01T00:00:00Z"}, "expiresAt"),
    ):
        answer = await world.ask(grant, boss, {**good, **wrong})
        assert answer["data"] == {"grantRole": None}
        assert codes(answer) == ["BAD_USER_INPUT"]
        assert answer["errors"][0]["extensions"]["argument"] == argument
    for role in (Role.SUPPORT, Role.ANALYTICS, Role.COMPLIANCE, Role.MEMBER):
        token = await world.token(role, await world.person(f"{role}@example.org"))
        answer = await world.ask(grant, token, good)
        assert (answer["data"], codes(answer)) == ({"grantRole": None}, ["FORBIDDEN"])


LATER = timedelta(days=1)


async def grant(world: World, connection: Any, subject_id: str) -> None:
    """Grants SUPPORT in an open transaction."""
    now = world.services.now()
    await token_rows.grant_role(
        connection, world.services.keys, token_rows.NewGrant(subject_id, Role.SUPPORT, now=now, expires_at=now + LATER)
    )


async def test_two_grants_of_a_role_at_once_store_one(world: World) -> None:
    id = await world.person("p@example.org")

    async def again() -> None:
        async with world.services.database.writing() as connection:
            await grant(world, connection, id)

    async with world.services.database.writing() as connection:
        await grant(world, connection, id)
        pending = asyncio.create_task(again())
        await asyncio.sleep(0.2)
    await pending
    alive = select(func.count()).select_from(ROLE_GRANTS).where(ROLE_GRANTS.c.revoked_at.is_(None))
    async with world.services.database.reading() as connection:
        assert (await connection.execute(alive)).scalar_one() == 1
