"""The fixture of a subject and every processor."""

import pytest

from models.vocabulary import Processor, Role
from tests.expectation import PROCESSORS
from tests.processors.parties import Parties
from tests.world import World


@pytest.fixture
async def parties(world: World) -> Parties:
    """A subject and every processor."""
    subject, mine = await world.member("subject@example.org")
    tokens = {each: await world.token(Role.PROCESSOR, processor=Processor(each)) for each in PROCESSORS}
    return Parties(world, subject, mine, tokens)
