"""Tokens of a role end with it."""

from datetime import timedelta

from models.vocabulary import Role
from tests.world import World

VIEWER = "{ viewer { role } }"


async def test_a_revoked_token_stays_revoked_when_the_role_returns(world: World) -> None:
    boss = await world.token(Role.OPERATIONS, await world.person("boss@example.org"))
    holder = await world.person("staff@example.org")
    token = await world.token(Role.SUPPORT, holder)
    await world.data(f'mutation {{ revokeRole(userId: "{holder}", role: SUPPORT) }}', boss)
    soon = (world.services.now() + timedelta(days=1)).isoformat()
    grant = f'mutation {{ grantRole(userId: "{holder}", role: SUPPORT, expiresAt: "{soon}") }}'
    assert (await world.data(grant, boss))["grantRole"] is True
    assert (await world.post(VIEWER, token)).status_code == 401
    renewed = await world.token(Role.SUPPORT, holder)
    assert (await world.data(grant, boss))["grantRole"] is True
    assert (await world.post(VIEWER, renewed)).status_code == 200, "a role that is renewed ends nothing"
