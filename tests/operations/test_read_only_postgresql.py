"""A PostgreSQL that takes no writes, as after a failover to a standby: it still reads."""

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from models.database import Database
from permissions.version_numbers import current_version
from tests.world import codes, world_of

GRANT = f'mutation {{ grantConsent(purpose: SOCIAL, policyVersion: "{current_version().name}") {{ __typename }} }}'


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_read_only_server_answers_reads_and_refuses_writes_as_unavailable(database: Database) -> None:
    before = world_of(database)
    _, token = await before.member("a@example.org")
    before.services.hashing.close()
    name = make_url(database.url).database
    async with database.writing() as connection:
        await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    later = Database(database.url)  # new connections have the new default
    world = world_of(later)
    async with world.client:
        assert (await world.data("{ me { id } }", token))["me"]["id"]
        assert codes(await world.ask(GRANT, token)) == ["UNAVAILABLE"]
    world.services.hashing.close()
    await later.close()
