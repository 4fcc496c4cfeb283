"""A subject asks to be erased: gone from everybody's sight at once, and within the grace they may take it back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.mutation_outcomes import Refused
from models.tables import ACCOUNTS
from models.tokens import token_rows
from models.tokens.mailed_tokens import end_mailed_tokens, write_letter
from models.vocabulary import STAFF, LinkUse, Notice, RefusalCode
from permissions.errors import AUTHENTICATOR_REQUIRED
from permissions.retention_periods import KeptRecord, account_erasure_date
from resolvers.arguments import CodeIfOn, Password
from resolvers.context import Context
from resolvers.erasure import retained_records
from resolvers.second_factor import login_challenge, totp_enrolment
from resolvers.second_factor.totp_codes import confirmed_authenticator
from resolvers.sessions.confirm_password import wrong_password
from resolvers.sessions.revoke_tokens import end_sessions, is_live_token
from resolvers.subjects.account_lock import lock_account_if_any

CODE_REQUIRED: Final = Refused(RefusalCode.TOTP_REQUIRED, "A second factor is on; its code is asked for too.", "code")
SESSION_ENDED: Final = Refused(RefusalCode.TOKEN_EXPIRED, "The session has ended. Sign in again.")
NOT_SCHEDULED: Final = Refused(RefusalCode.NOT_FOUND, "No erasure was asked for.")
ERASURE_DUE: Final = Refused(RefusalCode.NOT_PERMITTED, "The day has passed; the account is being erased.")
NEW_AUTHENTICATOR_FIRST: Final = Refused(RefusalCode.TOTP_REQUIRED, AUTHENTICATOR_REQUIRED)


@dataclass(frozen=True, slots=True)
class ErasureScheduled:
    """When the account goes, and what outlives it."""

    scheduled_for: datetime
    kept: tuple[KeptRecord, ...]


@dataclass(frozen=True, slots=True)
class ErasureCancelled:
    """The account stays."""

    cancelled_at: datetime


async def request_erasure(
    info: Info[Context, None], password: Password, code: CodeIfOn = None
) -> ErasureScheduled | Refused:
    """With every factor that is on; asking again changes nothing and answers with the same day.

    Staff may leave like anyone: their roles end for good, since others gave them, and a cancelled erasure gives back
    what was the subject's own.
    """
    context, now = info.context, info.context.now()
    if context.caller.used_recovery_code:
        return NEW_AUTHENTICATOR_FIRST
    confirmed = await totp_enrolment.confirm_password_before_code(context, password)
    if isinstance(confirmed, Refused):
        return confirmed
    async with context.database.writing() as connection:
        account = await confirmed.lock_account(connection)
        if account is None:
            return wrong_password("password")
        if account.leaving_since is None and not await is_live_token(connection, context.caller.token_id):
            return SESSION_ENDED
        if refusal := await _second_factor(context, connection, confirmed.subject_id, code):
            return refusal
        if account.leaving_since is None:
            await _schedule(connection, account.id, now)
            context.cookies.ended = context.cookies.from_browser
        ends = account_erasure_date(account.leaving_since or now, context.services.retention)
        return ErasureScheduled(
            ends, await retained_records.retained_after(connection, account.id, ends, context.services)
        )


async def cancel_erasure(info: Info[Context, None]) -> ErasureCancelled | Refused:
    """Until the day that was told, whether or not the erasure was then carried out in time.

    After it nothing depends on when an operator's job runs: who was promised to be erased by a day is never found, by
    whoever got hold of an old password, to be there again.
    """
    context, now = info.context, info.context.now()
    async with context.database.writing() as connection:
        account = await lock_account_if_any(connection, str(context.caller.subject_id))
        if account is None or not await is_live_token(connection, context.caller.token_id):
            return SESSION_ENDED
        if account.leaving_since is None:
            return NOT_SCHEDULED
        if account_erasure_date(account.leaving_since, context.services.retention) <= now:
            return ERASURE_DUE
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(leaving_since=None))
        await write_letter(connection, subject_id=account.id, notice=Notice.ERASURE_CANCELLED, now=now)
    return ErasureCancelled(now)


async def _second_factor(
    context: Context, connection: AsyncConnection, subject_id: str, code: str | None
) -> Refused | None:
    if await confirmed_authenticator(connection, subject_id) is None:
        return None
    if code is None:
        return CODE_REQUIRED
    return (
        None if await login_challenge.verify_code(context, connection, subject_id, code) else totp_enrolment.WRONG_CODE
    )


async def _schedule(connection: AsyncConnection, subject_id: str, now: datetime) -> None:
    """The account is locked; grants, tokens and cases follow in the order in which all others lock them."""
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == subject_id).values(leaving_since=now))
    for role in STAFF:
        await token_rows.revoke_role(connection, subject_id, role, now)
    await end_sessions(connection, subject_id, now)
    await end_mailed_tokens(connection, subject_id, now, *LinkUse)
    await write_letter(connection, subject_id=subject_id, notice=Notice.ERASURE_SCHEDULED, now=now)
