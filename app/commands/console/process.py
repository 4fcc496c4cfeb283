"""Runs a command with the services, on an up-to-date database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands.console.command_error import CommandError
from app.main import make_services
from app.operations import log
from app.operations.schema_version import is_current, migrate
from app.settings import load
from models.connections.sqlite import file_of
from models.email_address import InvalidAddress, canonical_address
from models.tables import CREDENTIALS
from permissions.events.origin import Origin, acting
from permissions.events.values import Source
from resolvers.context import Services

T = TypeVar("T")


def _is_missing(url: str) -> bool:
    file = file_of(url)
    return file is not None and not file.exists()


@asynccontextmanager
async def open_services(*, creating: bool = False) -> AsyncIterator[Services]:
    """Opens the services. SQLite is migrated, and created if `creating`; an outdated PostgreSQL is an error."""
    settings = load()
    if not creating and _is_missing(settings.database_url):
        raise CommandError("The database does not exist. Run `consentql migrate` to create it.")
    made = make_services(settings, settings.command_limits)
    try:
        if made.database.is_sqlite:
            await migrate(made.database)
        elif not await is_current(made.database):
            raise CommandError("The database's schema is outdated. Run `consentql migrate`.")
        yield made
    finally:
        made.hashing.close()
        await made.database.close()


def run(act: Callable[[Services], Awaitable[T]], *, creating: bool = False) -> T:
    """Runs a function with the services and returns its result."""

    async def act_with_services() -> T:
        async with open_services(creating=creating) as made:
            with acting(Origin(Source.COMMAND_LINE, made.keys)):
                return await act(made)

    log.show_security_events()
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
