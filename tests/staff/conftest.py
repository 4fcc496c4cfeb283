"""The people of a support case."""

import pytest

from models.vocabulary import Role
from tests.staff.support_desk import SupportDesk
from tests.world import World


@pytest.fixture
async def desk(world: World) -> SupportDesk:
    """A subject, an agent and a person of OPERATIONS."""
    subject, mine = await world.member("subject@example.org")
    agent = await world.person("agent@example.org")
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    return SupportDesk(world, subject, mine, agent, await world.token(Role.SUPPORT, agent), operations)
