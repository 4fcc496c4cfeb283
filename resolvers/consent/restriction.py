"""Restriction of processing (GDPR Art. 18): a lock that only the subject lifts."""

from dataclasses import dataclass

from sqlalchemy import insert, update
from strawberry.types.info import Info

from models.columns import new_id
from models.tables import ACCOUNTS, RESTRICTIONS
from resolvers.context import Context
from resolvers.subjects.account_lock import lock_account


@dataclass(frozen=True, slots=True)
class RestrictionChanged:
    """Whether processing is restricted now."""

    restricted: bool


async def restrict_processing(info: Info[Context, None]) -> RestrictionChanged:
    """Restricts processing. Only the subject, their own open case and legal requests can read the data from now on."""
    context, now = info.context, info.context.now()
    async with context.database.writing() as connection:
        account = await lock_account(connection, str(context.caller.subject_id))
        if account.restricted_at is None:
            mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
            await connection.execute(mine.values(restricted_at=now))
            row = {"id": new_id(), "subject_id": account.id, "restricted_at": now}
            await connection.execute(insert(RESTRICTIONS), row)
    return RestrictionChanged(restricted=True)


async def lift_restriction(info: Info[Context, None]) -> RestrictionChanged:
    """Lifts the restriction. The present consents and objections apply again."""
    context, now = info.context, info.context.now()
    async with context.database.writing() as connection:
        account = await lock_account(connection, str(context.caller.subject_id))
        mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
        await connection.execute(mine.values(restricted_at=None))
        held = (RESTRICTIONS.c.subject_id == account.id) & RESTRICTIONS.c.lifted_at.is_(None)
        await connection.execute(update(RESTRICTIONS).where(held).values(lifted_at=now))
    return RestrictionChanged(restricted=False)
