"""A subject with their readers, and a world with filled logs."""

import pytest
from sqlalchemy import insert

from models.tables import (
    LEGAL_REQUESTS,
    SUPPORT_CASES,
)
from models.vocabulary import Processor, Role
from tests.ledger.attacker import ENTRIES, fill
from tests.ledger.readers import Readers
from tests.ledger.stored import case_row, execute, request_row
from tests.world import World


@pytest.fixture
async def readers(world: World) -> Readers:
    """A subject and the staff and processor who may read them."""
    subject, mine = await world.member("subject@example.org", ("SOCIAL", "EXPANSION"))
    agent, officer = await world.person("agent@example.org"), await world.person("officer@example.org")
    tokens = {
        "support": await world.token(Role.SUPPORT, agent),
        "compliance": await world.token(Role.COMPLIANCE, officer),
        "processor": await world.token(Role.PROCESSOR, processor=Processor.MANDRILL),
    }
    case = case_row(world, subject, agent, {"EMAIL", "CITY"})
    await execute(world, insert(SUPPORT_CASES).values(case))
    await execute(world, insert(LEGAL_REQUESTS).values(request_row(world, subject, {"EMAIL", "MOBILE_PHONE"})))
    return Readers(world, subject, mine, tokens, {"agent": agent, "officer": officer})


@pytest.fixture
async def filled(world: World) -> World:
    """A world with entries in each log."""
    await fill(world.services, ENTRIES)
    return world
