"""Records when a server process starts and stops, and with which versions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from app.operations.schema_version import revision
from models.database import Database
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.version_numbers import current_version

TIMEOUT_SECONDS: Final = 3


@asynccontextmanager
async def process_events(database: Database) -> AsyncIterator[None]:
    """Records the start when the block begins, and the stop when it ends."""
    release = {
        "version": version("consentql"),
        "policy_version": current_version().name,
        "schema_revision": await _revision(database),
    }
    record(EventKind.SERVICE_STARTED, **release)
    try:
        yield
    finally:
        record(EventKind.SERVICE_STOPPED, **release)


async def _revision(database: Database) -> str | None:
    """The revision of the schema, or None if the database does not answer: the process starts all the same."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await revision(database)
    except Exception:  # noqa: BLE001  # readiness says what is wrong with the database
        return None
