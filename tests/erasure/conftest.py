"""Fixtures of the tests of erasure."""

from pathlib import Path

import pytest

from tests.erasure.requester import Requester
from tests.identity import STRONG, Clock, sign_in
from tests.retention import RetentionHarness
from tests.world import World


@pytest.fixture
def harness(world: World, tmp_path: Path) -> RetentionHarness:
    """Runs retention on the world, with a clock that the test moves."""
    return RetentionHarness(world, tmp_path)


@pytest.fixture
async def requester(world: World) -> Requester:
    """Stores a subject who is visible to everyone, signed in from a known network."""
    clock = Clock(world)
    clock.at = clock.at.replace(hour=12)
    both = {"password": STRONG, "ipAddress": "127.0.0.1"}
    id = await world.person("p@example.org", ("SOCIAL", "EXPANSION"), **both)
    _, fellow = await world.member("o@example.org", ipAddress="12.34.5.6")
    return Requester(world, clock, id, (await sign_in(world, "p@example.org"))["accessToken"], fellow)
