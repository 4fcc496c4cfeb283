"""The fixture for tests of e-mails."""

from typing import Any

import pytest

from models.database import Database
from tests.mail.harness import Clock, MailHarness, RecordingTransport
from tests.world import world_of


@pytest.fixture
async def harness(database: Database) -> Any:
    clock = Clock()
    world = world_of(database, now=clock)
    async with world.client:
        yield MailHarness(world, clock, RecordingTransport(), await world.person("ada@example.org"))
    world.services.hashing.close()
