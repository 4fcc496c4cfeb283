"""Fixtures for tests of statistics."""

import pytest

from tests.statistics.platform import EXACT, Platform, make_platform
from tests.world import World


@pytest.fixture
async def platform(world: World) -> Platform:
    """A platform without noise."""
    world.services.noise = EXACT
    return await make_platform(world)
