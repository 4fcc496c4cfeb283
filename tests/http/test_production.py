"""Production shows no development feature, for any environment variable."""

import pytest

from models.database import Database
from tests.world import settings_for, world_of


async def test_no_environment_variable_turns_on_development_features(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GRAPHIQL", "INTROSPECTION", "DEBUG", "SUGGESTIONS"):
        monkeypatch.setenv(f"CONSENTQL_{name}", "on")
    world = world_of(database, settings_for(database, environment="production"))
    assert (await world.client.get("/graphql")).status_code == 405
    assert "errors" in await world.ask("{ __schema { types { name } } }")
    world.services.hashing.close()
