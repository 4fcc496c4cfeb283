"""Sessions and role tokens end when they are revoked, by those who may revoke them."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models.tables import ACCESS_TOKENS
from models.tokens.authority_locks import keys_of_person, lock_exclusively
from models.tokens.token_format import digest_of
from models.vocabulary import Processor, Role
from permissions.events.values import EndCause
from resolvers.sessions.revoke_tokens import end_sessions
from tests.identity import (
    ROLE_TOKEN,
    STRONG,
    VIEWER,
    enrol_authenticator,
    sign_in,
)
from tests.world import World, codes

SESSIONS = "{ me { sessions { id current client lastUsedAt } } }"


async def test_logging_out_ends_the_token_of_the_request(world: World) -> None:
    id = await world.person("p@example.org")
    one, two = await world.token(holder=id), await world.token(holder=id)
    assert (await world.data("mutation { logout }", one))["logout"] is True
    assert (await world.post(VIEWER, one)).status_code == 401
    assert (await world.post(VIEWER, two)).status_code == 200


async def test_only_its_member_can_revoke_a_session(world: World) -> None:
    id, mine = await world.member("p@example.org")
    other_token = await world.token(holder=id)
    _, foreign = await world.member("o@example.org")
    sessions = (await world.data(SESSIONS, mine))["me"]["sessions"]
    (target,) = [each["id"] for each in sessions if not each["current"]]
    revoke = "mutation ($id: ID!) { revokeSession(id: $id) }"
    assert (await world.data(revoke, foreign, {"id": target}))["revokeSession"] is False
    assert (await world.post(VIEWER, other_token)).status_code == 200
    assert (await world.data(revoke, mine, {"id": target}))["revokeSession"] is True
    assert (await world.post(VIEWER, other_token)).status_code == 401
    assert (await world.data(revoke, mine, {"id": target}))["revokeSession"] is True, "it is revoked already"
    assert (await world.data(revoke, mine, {"id": "0" * 32}))["revokeSession"] is False


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ANALYTICS, Role.COMPLIANCE, Role.OPERATIONS])
async def test_a_staff_token_ends_with_its_role_its_expiry_and_its_revocation(world: World, role: Role) -> None:
    boss = await world.token(Role.OPERATIONS, await world.person("boss@example.org"))
    holder = await world.person("staff@example.org")
    token = await world.token(role, holder)
    viewer = (await world.data("{ viewer { role user { id email } } }".replace(" email", ""), token))["viewer"]
    assert viewer == {"role": role.value, "user": {"id": holder}}
    revoke = "mutation ($id: ID!, $role: Role!) { revokeRole(userId: $id, role: $role) }"
    assert (await world.data(revoke, boss, {"id": holder, "role": role.value}))["revokeRole"] is True
    assert (await world.post(VIEWER, token)).status_code == 401

    token = await world.token(role, holder)
    async with world.services.database.reading() as connection:
        id = (
            await connection.execute(select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.digest == digest_of(token)))
        ).scalar()
    assert (await world.data("mutation ($id: ID!) { revokeRoleToken(id: $id) }", boss, {"id": id}))["revokeRoleToken"]
    assert (await world.post(VIEWER, token)).status_code == 401

    token = await world.token(role, holder)
    async with world.services.database.writing() as connection:
        past = world.services.now() - timedelta(seconds=1)
        mine = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.digest == digest_of(token))
        await connection.execute(mine.values(expires_at=past))
    assert (await world.post(VIEWER, token)).status_code == 401


async def test_a_processor_token_has_no_user(world: World) -> None:
    token = await world.token(Role.PROCESSOR, None, Processor.MAILCHIMP)
    assert (await world.data("{ viewer { role user { id } session { id } } }", token))["viewer"] == {
        "role": "PROCESSOR",
        "user": None,
        "session": None,
    }


async def test_a_member_can_revoke_only_their_own_role_tokens(world: World) -> None:
    holder, mine = await world.member("p@example.org")
    _, foreign = await world.member("o@example.org")
    token = await world.token(Role.SUPPORT, holder)
    async with world.services.database.reading() as connection:
        id = (
            await connection.execute(select(ACCESS_TOKENS.c.id).where(ACCESS_TOKENS.c.digest == digest_of(token)))
        ).scalar()
    revoke = "mutation ($id: ID!) { revokeRoleToken(id: $id) }"
    assert (await world.data(revoke, foreign, {"id": id}))["revokeRoleToken"] is False
    assert (await world.post(VIEWER, token)).status_code == 200
    assert (await world.data(revoke, mine, {"id": id}))["revokeRoleToken"] is True
    assert (await world.post(VIEWER, token)).status_code == 401


async def test_a_session_that_ended_meanwhile_issues_no_role_token(world: World) -> None:
    id = await world.person("a@example.org", password=STRONG)
    token = (await sign_in(world, "a@example.org"))["accessToken"]
    await world.token(Role.SUPPORT, id)
    await enrol_authenticator(world, token)
    until = (world.services.now() + timedelta(hours=1)).isoformat()
    variables = {"input": {"role": "SUPPORT", "name": "desk", "expiresAt": until}}
    async with world.services.database.writing() as connection:
        await lock_exclusively(connection, keys_of_person(id))
        pending = asyncio.create_task(world.ask(ROLE_TOKEN, token, variables))
        await asyncio.sleep(0.3)  # by then it is authenticated and waits
        await end_sessions(connection, id, world.services.now(), EndCause.REVOKED)
    assert codes(await pending) == ["UNAUTHENTICATED"]
