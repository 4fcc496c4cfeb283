"""Requests and cancels erasure. The subject is hidden at once and can cancel within the grace period."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.key_ring import KeyRing
from models.letters import LinkUse, Notice
from models.mutation_outcomes import Refused
from models.tables import ACCOUNTS
from models.tokens import token_rows
from models.tokens.authority_locks import keys_of_person
from models.tokens.mailed_tokens import end_mailed_tokens, write_letter
from models.vocabulary import STAFF, RefusalCode
from permissions.errors import AUTHENTICATOR_REQUIRED
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause
from permissions.retention_periods import KeptRecord, account_erasure_date
from resolvers.arguments import CodeIfOn, Password
from resolvers.context import Context
from resolvers.erasure import retained_records
from resolvers.second_factor import totp_enrolment
from resolvers.sessions.confirm_password import wrong_password
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.subjects.account_lock import lock_account

NOT_SCHEDULED: Final = Refused(RefusalCode.NOT_FOUND, "No erasure is scheduled.")
ERASURE_DUE: Final = Refused(RefusalCode.NOT_PERMITTED, "The grace period has ended. The account is being erased.")
NEW_AUTHENTICATOR_FIRST: Final = Refused(RefusalCode.TOTP_REQUIRED, AUTHENTICATOR_REQUIRED)


@dataclass(frozen=True, slots=True)
class ErasureScheduled:
    """When the account will be erased, and the records that remain."""

    scheduled_for: datetime
    kept: tuple[KeptRecord, ...]


@dataclass(frozen=True, slots=True)
class ErasureCancelled:
    """The erasure was cancelled."""

    cancelled_at: datetime


async def request_erasure(
    info: Info[Context, None], password: Password, code: CodeIfOn = None
) -> ErasureScheduled | Refused:
    """Schedules erasure. Requires the password, and a code if two-factor sign-in is on. Repeating it changes nothing.

    Staff lose their roles for good, because others granted them. Cancelling restores only the subject's own data.
    """
    context, now = info.context, info.context.now()
    if context.caller.used_recovery_code:
        return NEW_AUTHENTICATOR_FIRST
    confirmed = await totp_enrolment.confirm_password_before_code(context, password)
    if isinstance(confirmed, Refused):
        return confirmed
    async with context.database.writing(ends=keys_of_person(confirmed.subject_id)) as connection:
        account = await confirmed.lock_account(connection)
        if account is None:
            return wrong_password("password")
        if refusal := await totp_enrolment.check_code_if_on(context, connection, confirmed.subject_id, code):
            return refusal
        if account.leaving_since is None:
            await _schedule(connection, context.services.keys, account.id, now)
            context.cookies.ended, context.has_ended = context.cookies.from_browser, True
        ends = account_erasure_date(account.leaving_since or now, context.services.retention)
        return ErasureScheduled(
            ends, await retained_records.retained_after(connection, account.id, ends, context.services)
        )


async def cancel_erasure(info: Info[Context, None]) -> ErasureCancelled | Refused:
    """Cancels the erasure until the scheduled day, even if the erasure then runs late.

    After that day it refuses, whenever the retention job runs. A stolen old password then cannot revive the account.
    """
    context, now = info.context, info.context.now()
    async with context.database.writing() as connection:
        account = await lock_account(connection, str(context.caller.subject_id))
        if account.leaving_since is None:
            return NOT_SCHEDULED
        if account_erasure_date(account.leaving_since, context.services.retention) <= now:
            return ERASURE_DUE
        await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(leaving_since=None))
        await write_letter(connection, subject_id=account.id, notice=Notice.ERASURE_CANCELLED, now=now)
        record(EventKind.ERASURE_CANCELLED, subject=account.id)
    return ErasureCancelled(now)


async def _schedule(connection: AsyncConnection, keys: KeyRing, subject_id: str, now: datetime) -> None:
    """Marks the locked account, then ends roles and tokens in the lock order of all other code."""
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == subject_id).values(leaving_since=now))
    for role in STAFF:
        if await token_rows.revoke_role(connection, keys, subject_id, role, now):
            record(EventKind.ROLE_REVOKED, subject=subject_id, role=role)
    await end_sessions(connection, subject_id, now, EndCause.ERASURE_REQUESTED)
    await end_mailed_tokens(connection, subject_id, now, *LinkUse)
    await write_letter(connection, subject_id=subject_id, notice=Notice.ERASURE_SCHEDULED, now=now)
    record(EventKind.ERASURE_REQUESTED, subject=subject_id)
