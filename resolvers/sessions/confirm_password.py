"""Asks for the password again before a change of credentials; each attempt is counted."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.mutation_outcomes import Refused
from models.tables import ACCOUNTS, CREDENTIALS
from models.vocabulary import RefusalCode
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import LockCause
from resolvers.context import Context
from resolvers.hashing.password_hash import Verification
from resolvers.hashing.worker_pool import PoolFull
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import ACCOUNT_LIMITS, TRY_LATER
from resolvers.subjects.account_lock import lock_account_if_any


@dataclass(frozen=True, slots=True)
class ConfirmedPassword:
    """A caller whose password was right, with the hash that it matched."""

    subject_id: str
    email: str
    email_canonical: str
    password_hash: str

    async def lock_account(self, connection: AsyncConnection) -> Any:
        """Locks and returns the account, or returns None if the password has changed or the account was erased."""
        account = await lock_account_if_any(connection, self.subject_id)
        return account if await is_current_hash(connection, self.subject_id, self.password_hash) else None


async def is_current_hash(connection: AsyncConnection, subject_id: str, password_hash: str) -> bool:
    """Whether the stored hash is still the one that was verified. The caller holds the lock of the account."""
    stored = select(CREDENTIALS.c.password_hash).where(CREDENTIALS.c.subject_id == subject_id)
    return (await connection.execute(stored)).scalar_one_or_none() == password_hash


def wrong_password(field: str) -> Refused:
    """The refusal of a wrong password."""
    return Refused(RefusalCode.INVALID_CREDENTIALS, "The password is wrong.", field)


async def confirm_password(context: Context, password: str, field: str) -> ConfirmedPassword | Refused:
    """Verifies the password of the caller; the attempt is counted first."""
    bucket = attempt_limits.per_caller(context, "password again", ACCOUNT_LIMITS)
    subject_id = context.caller.subject_id
    if refusal := await attempt_limits.count_password_attempt(context, bucket):
        if refusal is not TRY_LATER:
            record(EventKind.PASSWORD_NOT_CONFIRMED, subject=subject_id, cause=LockCause.ACCOUNT_ATTEMPTS)
        return refusal
    person = await _find_caller(context)
    verification = await attempt_limits.unless_full(context, _verify(context, person, password), bucket)
    if isinstance(verification, Refused):
        return verification
    if not verification.right:
        record(EventKind.PASSWORD_NOT_CONFIRMED, subject=subject_id)
        return wrong_password(field)
    await attempt_limits.reset(context, bucket)
    return ConfirmedPassword(person.id, person.email, person.email_canonical, person.password_hash)


async def _verify(context: Context, person: Any, password: str) -> Verification | Refused:
    try:
        return await context.services.hashing.verify(person.password_hash if person else None, password)
    except PoolFull:
        return TRY_LATER


async def _find_caller(context: Context) -> Any:
    columns = (ACCOUNTS.c.id, ACCOUNTS.c.email, CREDENTIALS.c.email_canonical, CREDENTIALS.c.password_hash)
    query = select(*columns).join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
    async with context.database.reading() as connection:
        return (await connection.execute(query.where(ACCOUNTS.c.id == context.caller.subject_id))).one_or_none()
