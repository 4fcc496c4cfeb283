"""The fixture for tests of production."""

import pytest

from app.settings import Environment
from models.database import Database
from tests.world import World, settings_for, world_of


@pytest.fixture
async def production(database: Database) -> World:
    """The application in production."""
    return world_of(database, settings_for(database, environment=Environment.PRODUCTION))
