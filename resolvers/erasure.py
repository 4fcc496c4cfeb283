"""A person asks to be erased and may come back within the grace: out of reach at once, and nothing lost until then."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.issuing import end_role, is_live
from models.letters import write_letter
from models.outcome import ErasureCancelled, ErasureScheduled, Refused
from models.tables import ACCOUNTS, LEGAL_REQUESTS, ROLE_GRANTS
from models.vocabulary import Notice, RefusalCode, Role, fields_of
from permissions.retention import OUTLIVES, KeptRecord, RecordKind, Retention, lasting
from resolvers import attempts, challenges
from resolvers.attempts import CODES_MAY, Bucket
from resolvers.authenticators import authenticator_of
from resolvers.context import Context
from resolvers.grounds import may_be_told, request_is_open
from resolvers.profile import locked_account
from resolvers.reproof import reproof, wrong
from resolvers.sessions import end_sessions
from resolvers.totp import WRONG_CODE

CODE_NEEDED: Final = Refused(RefusalCode.TOTP_REQUIRED, "A second factor is on; give a code of it.", "code")
RECOVERED: Final = Refused(
    RefusalCode.TOTP_REQUIRED,
    "A recovery code began this session; set up an authenticator anew, or sign in with a code of it.",
)
NOT_SCHEDULED: Final = Refused(RefusalCode.NOT_FOUND, "No erasure is scheduled.")
TOO_LATE: Final = Refused(RefusalCode.NOT_PERMITTED, "The grace is over; the account is being erased.")


def grace(retention: Retention) -> timedelta:
    """How long a person may come back."""
    return retention[RecordKind.ACCOUNTS].period


async def request_erasure(
    info: Info[Context, None], password: str, code: str | None = None
) -> ErasureScheduled | Refused:
    """Every session ends, and every staff role; asked again, the day stays.

    A role is the service's to give: whoever comes back does not find it again.
    """
    context, now = info.context, info.context.now()
    if context.caller.recovered:
        return RECOVERED
    bucket = Bucket("second factor again", str(context.caller.subject_id), CODES_MAY)
    if code is not None and (refusal := await attempts.too_often(context, bucket)):
        return refusal
    proven = await reproof(context, password, "password")
    if isinstance(proven, Refused):
        return proven
    async with context.database.writing() as connection:
        account = await proven.lock(connection)
        if account is None:
            return wrong("password")
        if refusal := await _second_factor(context, connection, account.id, code):
            return refusal
        since = await _leave(connection, account, now)
        due = since + grace(context.services.retention)
        kept = await kept_of(connection, account.id, context.services.retention, due, now)
    context.carried.ended = context.carried.by_browser
    return ErasureScheduled(due, kept)


async def _second_factor(
    context: Context, connection: AsyncConnection, subject_id: str, code: str | None
) -> Refused | None:
    if await authenticator_of(connection, subject_id) is None:
        return None
    if code is None:
        return CODE_NEEDED
    return None if await challenges.prove(context, connection, subject_id, code) else WRONG_CODE


async def _leave(connection: AsyncConnection, account: Any, now: datetime) -> datetime:
    """Since when they leave."""
    since: datetime | None = account.leaving_since
    if since is None:
        since = now
        mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
        await connection.execute(mine.values(leaving_since=now))
        await write_letter(connection, subject_id=account.id, notice=Notice.ERASURE_SCHEDULED, now=now)
    held = select(ROLE_GRANTS.c.role).where(ROLE_GRANTS.c.subject_id == account.id, is_live(now)).distinct()
    for role in sorted((await connection.execute(held)).scalars()):
        await end_role(connection, account.id, Role(role), now)
    await end_sessions(connection, account.id, now)
    return since


async def cancel_erasure(info: Info[Context, None]) -> ErasureCancelled | Refused:
    """By whoever signs in again within the grace: consents, hidden fields and objections stand as they did."""
    context, now = info.context, info.context.now()
    async with context.database.writing() as connection:
        account = await locked_account(connection, str(context.caller.subject_id))
        if account.leaving_since is None:
            return NOT_SCHEDULED
        if now >= account.leaving_since + grace(context.services.retention):
            return TOO_LATE
        mine = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
        await connection.execute(mine.values(leaving_since=None))
        await write_letter(connection, subject_id=account.id, notice=Notice.ERASURE_CANCELLED, now=now)
    return ErasureCancelled(now)


async def kept_of(
    connection: AsyncConnection, subject_id: str, table: Retention, due: datetime, now: datetime
) -> tuple[KeptRecord, ...]:
    """What stays of anybody who is erased then, and what a legal request holds back of which they may know."""
    general = tuple(lasting(table[kind], due if kind is RecordKind.CONSENT_RECORDS else None) for kind in OUTLIVES)
    mine = LEGAL_REQUESTS.c.subject_id == subject_id
    theirs = select(LEGAL_REQUESTS).where(mine, request_is_open(now), may_be_told(now))
    rows = (await connection.execute(theirs.order_by(LEGAL_REQUESTS.c.ordinal))).all()
    return general + tuple(_held(row) for row in rows)


def _held(row: Any) -> KeptRecord:
    names = ", ".join(field.value for field in fields_of(row.extent))
    why = f"legal request {row.reference} of {row.authority}: {row.basis}"
    return KeptRecord(f"What is stored of {names}", why, row.expires_at)
