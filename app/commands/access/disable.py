"""Disables and enables accounts. Disabling ends all sessions and tokens, and prevents sign-in."""

import typer
from sqlalchemy import update

from app.commands.console.process import find_person, run
from models.letters import LinkUse
from models.tables import ACCOUNTS
from models.tokens.authority_locks import keys_of_person, lock_exclusively
from models.tokens.mailed_tokens import end_mailed_tokens
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause
from resolvers.context import Services
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.subjects.account_lock import lock_account


def disable(email: str) -> None:
    """Disables an account. Who can read its data does not change."""
    run(lambda services: disable_account(services, email))
    typer.echo("The account is disabled. Its sessions and tokens have ended.", err=True)


def enable(email: str) -> None:
    """Enables an account. Ended sessions and tokens stay ended."""
    run(lambda services: enable_account(services, email))
    typer.echo("The account is enabled.", err=True)


async def disable_account(services: Services, email: str) -> None:
    """Disables the account with this address."""
    now = services.now()
    async with services.database.writing(patient=True) as connection:
        subject_id = await find_person(connection, email)
        await lock_exclusively(connection, keys_of_person(subject_id))
        await lock_account(connection, subject_id)
        mine = update(ACCOUNTS).where(ACCOUNTS.c.id == subject_id, ACCOUNTS.c.disabled_at.is_(None))
        await connection.execute(mine.values(disabled_at=now))
        await end_sessions(connection, subject_id, now, EndCause.ACCOUNT_DISABLED)
        await end_mailed_tokens(connection, subject_id, now, *LinkUse)
        record(EventKind.ACCOUNT_DISABLED, subject=subject_id)


async def enable_account(services: Services, email: str) -> None:
    """Enables the account with this address."""
    async with services.database.writing() as connection:
        subject_id = await find_person(connection, email)
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == subject_id).values(disabled_at=None))
        record(EventKind.ACCOUNT_ENABLED, subject=subject_id)
