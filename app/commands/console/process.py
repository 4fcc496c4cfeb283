"""Runs a command with the services, on an up-to-date database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.console.command_error import CommandError
from app.main import make_services
from app.operations.heartbeat import start_clock
from app.operations.log import events_shown
from app.operations.schema_revision import UnknownSchema
from app.operations.schema_version import USABLE, SchemaState, migrate, revision, state_of
from app.settings import load
from models.connections.sqlite import file_of
from models.database import Database
from models.email_address import InvalidAddress, canonical_address
from models.tables import CREDENTIALS
from permissions.events.origin import Origin, acting
from permissions.events.values import Source
from resolvers.context import Services

T = TypeVar("T")


COMMAND_WAIT_SECONDS: Final = 30
"""How long a command waits for others to write to SQLite. A server process does not wait that long."""


@asynccontextmanager
async def open_services(*, creating: bool = False) -> AsyncIterator[Services]:
    """Opens the services. SQLite is migrated if necessary, and created if `creating`.

    An outdated PostgreSQL or a schema of another release is an error.
    """
    settings = load()
    file = file_of(settings.database_url)
    if not creating and file is not None and not file.exists():
        raise CommandError(f"The database {file} does not exist. Run `consentql migrate` to create it.")
    made = make_services(settings, settings.command_limits)
    made.database.write_wait_seconds = COMMAND_WAIT_SECONDS
    try:
        await _prepare_schema(made.database)
        await start_clock(made)
        yield made
    finally:
        made.hashing.close()
        await made.database.close()


async def _prepare_schema(database: Database) -> None:
    """Migrates SQLite unless it has the newest schema, so that a command which only reads takes no lock."""
    found = await revision(database)
    state = state_of(found)
    if found is not None and state is SchemaState.UNKNOWN:
        raise UnknownSchema(found)
    if state is not SchemaState.CURRENT and database.is_sqlite:
        await migrate(database)
    elif state not in USABLE:
        raise CommandError("The database's schema is outdated. Run `consentql migrate`.")


def run(act: Callable[[Services], Awaitable[T]], *, creating: bool = False) -> T:
    """Runs a function with the services and returns its result."""

    async def act_with_services() -> T:
        async with open_services(creating=creating) as made:
            with acting(Origin(Source.COMMAND_LINE, made.keys)):
                return await act(made)

    with events_shown():
        return asyncio.run(act_with_services())


async def find_person(connection: AsyncConnection, email: str) -> str:
    """The id of the person with this address. Raises CommandError, without the address, if there is none."""
    try:
        known = select(CREDENTIALS.c.subject_id).where(CREDENTIALS.c.email_canonical == canonical_address(email))
    except InvalidAddress:
        raise CommandError("This is not an e-mail address.") from None
    found: Any = (await connection.execute(known)).scalar_one_or_none()
    if found is None:
        raise CommandError("No account has this e-mail address.")
    return str(found)
