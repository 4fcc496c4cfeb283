"""Turns two-factor sign-in on and off. Each change needs the password and ends the other sessions."""

import io
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pyotp
import segno
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import new_id
from models.letters import Notice
from models.mutation_outcomes import RecoveryCodes, Refused, TotpDisabled, TotpEnrolment
from models.tables import ACCESS_TOKENS, AUTHENTICATORS
from models.tokens.authority_locks import keys_of_person
from models.tokens.mailed_tokens import write_letter
from models.tokens.token_rows import is_staff
from models.vocabulary import Factors, RefusalCode
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause, FactorChange
from resolvers.arguments import Code, EnrolmentCode, Password
from resolvers.context import Context
from resolvers.second_factor import login_challenge, recovery_codes
from resolvers.second_factor.totp_codes import accept_code, confirmed_authenticator, seal_secret
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import CODE_LIMITS, Bucket
from resolvers.sessions.confirm_password import ConfirmedPassword, confirm_password, wrong_password
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.subjects.account_lock import lock_account

ISSUER: Final = "ConsentQL"
ENROLMENT_LIFETIME: Final = timedelta(minutes=10)

ALREADY_ENABLED: Final = Refused(
    RefusalCode.TOTP_ALREADY_ENABLED, "Two-factor sign-in is already on. Turn it off first."
)
NOT_ENABLED: Final = Refused(RefusalCode.TOTP_NOT_ENABLED, "Two-factor sign-in is not on.")
NOT_STARTED: Final = Refused(RefusalCode.TOTP_NOT_ENABLED, "Begin the enrollment first. It expires after 10 minutes.")
UNVERIFIED: Final = Refused(RefusalCode.EMAIL_NOT_VERIFIED, "Verify your e-mail address first.")
CODE_REQUIRED: Final = Refused(RefusalCode.TOTP_REQUIRED, "Enter the code from your authenticator.", "code")
WRONG_CODE: Final = replace(login_challenge.WRONG_CODE, field="code")
STAFF_MUST_KEEP: Final = Refused(
    RefusalCode.NOT_PERMITTED, "You cannot turn off two-factor sign-in while you hold a staff role."
)


async def begin_totp_enrolment(info: Info[Context, None], password: Password) -> TotpEnrolment | Refused:
    """Creates a secret, which replaces an earlier unconfirmed one. It takes effect after `confirmTotpEnrolment`."""
    context, now = info.context, info.context.now()
    if not context.caller.verified:
        return UNVERIFIED
    confirmed = await confirm_password(context, password, "password")
    if isinstance(confirmed, Refused):
        return confirmed
    secret, id = pyotp.random_base32(), new_id()
    async with context.database.writing() as connection:
        if await confirmed.lock_account(connection) is None:
            return wrong_password("password")
        if await confirmed_authenticator(connection, confirmed.subject_id):
            return ALREADY_ENABLED
        await _delete_authenticators(connection, confirmed.subject_id)
        sealed = seal_secret(context.services.keys, secret, confirmed.subject_id, id)
        row = {"id": id, "subject_id": confirmed.subject_id, "secret": sealed, "begun_at": now, "last_step": 0}
        await connection.execute(insert(AUTHENTICATORS), {**row, "failures": 0})
    uri = pyotp.TOTP(secret).provisioning_uri(name=confirmed.email, issuer_name=ISSUER)
    return TotpEnrolment(secret, uri, _qr_code_svg(uri))


async def confirm_totp_enrolment(info: Info[Context, None], code: EnrolmentCode) -> RecoveryCodes | Refused:
    """Turns two-factor sign-in on. The session of the caller then counts as signed in with both factors."""
    context, now = info.context, info.context.now()
    subject_id = str(context.caller.subject_id)
    if refusal := await _count_code(context, "enrolment"):
        return refusal
    async with context.database.writing(ends=keys_of_person(subject_id)) as connection:
        await lock_account(connection, subject_id)
        if await confirmed_authenticator(connection, subject_id):
            return ALREADY_ENABLED
        pending = await _pending_enrolment(connection, subject_id, now)
        if pending is None:
            return NOT_STARTED
        if not await accept_code(connection, context.services.keys, pending, code, context.services.host_time()):
            return WRONG_CODE
        row_update = update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == pending.id)
        await connection.execute(row_update.values(confirmed_at=now))
        await _end_other_sessions(context, connection, Factors.TOTP)
        await write_letter(connection, subject_id=subject_id, notice=Notice.TOTP_ENABLED, now=now)
        record(EventKind.SECOND_FACTOR_CHANGED, subject=subject_id, change=FactorChange.ENABLED)
        return RecoveryCodes(tuple(await recovery_codes.replace_all(connection, context.services.keys, subject_id)))


async def disable_totp(info: Info[Context, None], password: Password, code: Code) -> TotpDisabled | Refused:
    """Turns two-factor sign-in off, with both factors. Staff cannot."""
    context, now = info.context, info.context.now()
    confirmed = await confirm_password_before_code(context, password)
    if isinstance(confirmed, Refused):
        return confirmed
    async with context.database.writing(ends=keys_of_person(confirmed.subject_id)) as connection:
        refusal = await _check_both_factors(context, connection, confirmed, code, staff_may=False)
        if refusal is None:
            await _delete_authenticators(connection, confirmed.subject_id)
            await recovery_codes.delete_all(connection, confirmed.subject_id)
            await _end_other_sessions(context, connection, Factors.PASSWORD)
            await write_letter(connection, subject_id=confirmed.subject_id, notice=Notice.TOTP_DISABLED, now=now)
            record(EventKind.SECOND_FACTOR_CHANGED, subject=confirmed.subject_id, change=FactorChange.DISABLED)
    return refusal or TotpDisabled(now)


async def regenerate_recovery_codes(
    info: Info[Context, None], password: Password, code: Code
) -> RecoveryCodes | Refused:
    """Replaces the recovery codes, with both factors."""
    context = info.context
    confirmed = await confirm_password_before_code(context, password)
    if isinstance(confirmed, Refused):
        return confirmed
    async with context.database.writing() as connection:
        if refusal := await _check_both_factors(context, connection, confirmed, code):
            return refusal
        notice, now = Notice.RECOVERY_CODES_REPLACED, context.now()
        await write_letter(connection, subject_id=confirmed.subject_id, notice=notice, now=now)
        change = FactorChange.RECOVERY_CODES_REPLACED
        record(EventKind.SECOND_FACTOR_CHANGED, subject=confirmed.subject_id, change=change)
        return RecoveryCodes(
            tuple(await recovery_codes.replace_all(connection, context.services.keys, confirmed.subject_id))
        )


async def confirm_password_before_code(context: Context, password: str) -> ConfirmedPassword | Refused:
    """Counts an attempt at the code, then verifies the password of the caller."""
    if refusal := await _count_code(context, "second factor again"):
        return refusal
    bucket = _code_bucket(context, "second factor again")
    return await attempt_limits.unless_full(context, confirm_password(context, password, "password"), bucket)


def _code_bucket(context: Context, name: str) -> Bucket:
    return Bucket(name, str(context.caller.subject_id), CODE_LIMITS)


async def _count_code(context: Context, bucket: str) -> Refused | None:
    """Counts an attempt at a code of the caller."""
    refusal = await attempt_limits.count_attempt(context, _code_bucket(context, bucket))
    if refusal:
        record(EventKind.SECOND_FACTOR_LOCKED, subject=str(context.caller.subject_id))
    return refusal


async def check_code_if_on(
    context: Context, connection: AsyncConnection, subject_id: str, code: str | None
) -> Refused | None:
    """Uses a code of a person whose account is locked, or refuses. Needs none if two-factor sign-in is off."""
    if await confirmed_authenticator(connection, subject_id) is None:
        return None
    if code is None:
        return CODE_REQUIRED
    return None if await login_challenge.verify_code(context, connection, subject_id, code) else WRONG_CODE


async def _check_both_factors(
    context: Context, connection: AsyncConnection, confirmed: ConfirmedPassword, code: str, *, staff_may: bool = True
) -> Refused | None:
    """Checks both factors under the lock of the account, which a grant of a role takes too."""
    if await confirmed.lock_account(connection) is None:
        return wrong_password("password")
    if not staff_may and (await connection.execute(select(is_staff(confirmed.subject_id, context.now())))).scalar_one():
        return STAFF_MUST_KEEP
    if await confirmed_authenticator(connection, confirmed.subject_id) is None:
        return NOT_ENABLED
    return None if await login_challenge.verify_code(context, connection, confirmed.subject_id, code) else WRONG_CODE


async def _pending_enrolment(connection: AsyncConnection, subject_id: str, now: datetime) -> Any:
    pending = (AUTHENTICATORS.c.subject_id == subject_id) & (AUTHENTICATORS.c.begun_at > now - ENROLMENT_LIFETIME)
    return (await connection.execute(select(AUTHENTICATORS).where(pending))).one_or_none()


async def _delete_authenticators(connection: AsyncConnection, subject_id: str) -> None:
    await connection.execute(delete(AUTHENTICATORS).where(AUTHENTICATORS.c.subject_id == subject_id))


async def _end_other_sessions(context: Context, connection: AsyncConnection, factors: Factors) -> None:
    """Ends the other sessions and tokens, and sets the factors of this one."""
    subject_id, now, this = str(context.caller.subject_id), context.now(), context.caller.token_id
    await end_sessions(connection, subject_id, now, EndCause.SECOND_FACTOR_CHANGED, except_id=this)
    await connection.execute(update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == this).values(factors=factors.value))


def _qr_code_svg(uri: str) -> str:
    """A QR code as SVG without scripts or external resources, on white, so that it can be scanned on a dark page."""
    drawing = io.BytesIO()
    segno.make(uri, error="m").save(drawing, kind="svg", scale=4, xmldecl=False, title="QR code", light="#fff")
    return drawing.getvalue().decode()
