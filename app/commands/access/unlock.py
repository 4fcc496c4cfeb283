"""Unlocks the sign-in of an account after too many wrong passwords."""

import typer

from app.commands.console.process import find_person, run
from models.email_address import canonical_address
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.context import Services
from resolvers.sessions.failed_sign_ins import clear_failures, password_keys


def unlock(email: str) -> None:
    """Sets the counts of wrong passwords of an account to zero."""
    run(lambda services: unlock_account(services, email))
    typer.echo("Sign-in to the account is unlocked.", err=True)


async def unlock_account(services: Services, email: str) -> None:
    """Unlocks the account with this address."""
    async with services.database.writing() as connection:
        subject_id = await find_person(connection, email)
        await clear_failures(connection, *password_keys(services.keys, canonical_address(email)))
        record(EventKind.SIGN_IN_UNLOCKED, subject=subject_id)
