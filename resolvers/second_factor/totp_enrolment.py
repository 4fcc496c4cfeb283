"""The second factor, from its secret to its end: each change needs the password, and the rest of the sessions go."""

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
from models.outcome import RecoveryCodes, Refused, TotpDisabled, TotpEnrolment
from models.tables import ACCESS_TOKENS, AUTHENTICATORS
from models.tokens.mailed_tokens import write_letter
from models.tokens.token_rows import is_staff
from models.vocabulary import Factors, Notice, RefusalCode
from resolvers.arguments import Code, EnrolmentCode, Password
from resolvers.context import Context
from resolvers.second_factor import login_challenge, recovery_codes
from resolvers.second_factor.totp_codes import accepts, authenticator_of, sealed
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import CODES_MAY, Bucket
from resolvers.sessions.begin_session import end_sessions
from resolvers.sessions.confirm_password import Proven, reproof, wrong
from resolvers.subjects.account_lock import lock_account

ISSUER: Final = "ConsentQL"
ENROLMENT_LASTS: Final = timedelta(minutes=10)

ALREADY: Final = Refused(RefusalCode.TOTP_ALREADY_ENABLED, "A second factor is on; switch it off first.")
NOT_ENABLED: Final = Refused(RefusalCode.TOTP_NOT_ENABLED, "No second factor is on.")
NOT_BEGUN: Final = Refused(RefusalCode.TOTP_NOT_ENABLED, "Begin the enrolment first; it waits for ten minutes.")
UNVERIFIED: Final = Refused(RefusalCode.EMAIL_NOT_VERIFIED, "Verify your e-mail address first.")
WRONG_CODE: Final = replace(login_challenge.WRONG_CODE, field="code")
STAFF_KEEP_IT: Final = Refused(RefusalCode.NOT_PERMITTED, "Whoever holds a staff role keeps a second factor.")


async def begin_totp_enrolment(info: Info[Context, None], password: Password) -> TotpEnrolment | Refused:
    """A new secret, which counts once a code of it was given; an earlier one that waits is gone."""
    context, now = info.context, info.context.now()
    if not context.caller.verified:
        return UNVERIFIED
    proven = await reproof(context, password, "password")
    if isinstance(proven, Refused):
        return proven
    secret, id = pyotp.random_base32(), new_id()
    async with context.database.writing() as connection:
        if await proven.lock(connection) is None:
            return wrong("password")
        if await authenticator_of(connection, proven.subject_id):
            return ALREADY
        await _forget_authenticators(connection, proven.subject_id)
        kept = sealed(context.services.keys, secret, proven.subject_id, id)
        row = {"id": id, "subject_id": proven.subject_id, "secret": kept, "begun_at": now, "last_step": 0}
        await connection.execute(insert(AUTHENTICATORS), {**row, "failures": 0})
    uri = pyotp.TOTP(secret).provisioning_uri(name=proven.email, issuer_name=ISSUER)
    return TotpEnrolment(secret, uri, _drawn(uri))


async def confirm_totp_enrolment(info: Info[Context, None], code: EnrolmentCode) -> RecoveryCodes | Refused:
    """Switches the second factor on; the session that does so has proven it."""
    context, now = info.context, info.context.now()
    subject_id = str(context.caller.subject_id)
    if refusal := await attempt_limits.too_often(context, Bucket("enrolment", subject_id, CODES_MAY)):
        return refusal
    async with context.database.writing() as connection:
        await lock_account(connection, subject_id)
        if await authenticator_of(connection, subject_id):
            return ALREADY
        pending = await _pending(connection, subject_id, now)
        if pending is None:
            return NOT_BEGUN
        if not await accepts(connection, context.services.keys, pending, code, now):
            return WRONG_CODE
        mine = update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == pending.id)
        await connection.execute(mine.values(confirmed_at=now))
        await _only_this_session(context, connection, Factors.TOTP)
        await write_letter(connection, subject_id=subject_id, notice=Notice.TOTP_ENABLED, now=now)
        return RecoveryCodes(tuple(await recovery_codes.renew(connection, context.services.keys, subject_id)))


async def disable_totp(info: Info[Context, None], password: Password, code: Code) -> TotpDisabled | Refused:
    """Switches the second factor off, with both factors; not for staff."""
    context, now = info.context, info.context.now()
    proven = await both(context, password)
    if isinstance(proven, Refused):
        return proven
    async with context.database.writing() as connection:
        refusal = await _proves(context, connection, proven, code, staff_may=False)
        if refusal is None:
            await _forget_authenticators(connection, proven.subject_id)
            await recovery_codes.forget(connection, proven.subject_id)
            await _only_this_session(context, connection, Factors.PASSWORD)
            await write_letter(connection, subject_id=proven.subject_id, notice=Notice.TOTP_DISABLED, now=now)
    return refusal or TotpDisabled(now)


async def regenerate_recovery_codes(
    info: Info[Context, None], password: Password, code: Code
) -> RecoveryCodes | Refused:
    """Ten new codes, with both factors; the old ones are gone at once."""
    context = info.context
    proven = await both(context, password)
    if isinstance(proven, Refused):
        return proven
    async with context.database.writing() as connection:
        if refusal := await _proves(context, connection, proven, code):
            return refusal
        notice, now = Notice.RECOVERY_CODES_REPLACED, context.now()
        await write_letter(connection, subject_id=proven.subject_id, notice=notice, now=now)
        return RecoveryCodes(tuple(await recovery_codes.renew(connection, context.services.keys, proven.subject_id)))


async def both(context: Context, password: str) -> Proven | Refused:
    """The password, once an attempt at the code has been counted too."""
    bucket = Bucket("second factor again", str(context.caller.subject_id), CODES_MAY)
    return await attempt_limits.too_often(context, bucket) or await reproof(context, password, "password")


async def _proves(
    context: Context, connection: AsyncConnection, proven: Proven, code: str, *, staff_may: bool = True
) -> Refused | None:
    """Decided once the account is locked: whoever grants a role locks it too."""
    if await proven.lock(connection) is None:
        return wrong("password")
    if not staff_may and (await connection.execute(select(is_staff(proven.subject_id, context.now())))).scalar_one():
        return STAFF_KEEP_IT
    if await authenticator_of(connection, proven.subject_id) is None:
        return NOT_ENABLED
    return None if await login_challenge.prove(context, connection, proven.subject_id, code) else WRONG_CODE


async def _pending(connection: AsyncConnection, subject_id: str, now: datetime) -> Any:
    theirs = (AUTHENTICATORS.c.subject_id == subject_id) & (AUTHENTICATORS.c.begun_at > now - ENROLMENT_LASTS)
    return (await connection.execute(select(AUTHENTICATORS).where(theirs))).one_or_none()


async def _forget_authenticators(connection: AsyncConnection, subject_id: str) -> None:
    await connection.execute(delete(AUTHENTICATORS).where(AUTHENTICATORS.c.subject_id == subject_id))


async def _only_this_session(context: Context, connection: AsyncConnection, factors: Factors) -> None:
    """The other sessions and tokens were begun under other factors; this one has these."""
    subject_id, now, this = str(context.caller.subject_id), context.now(), context.caller.token_id
    await end_sessions(connection, subject_id, now, but=this)
    await connection.execute(update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id == this).values(factors=factors.value))


def _drawn(uri: str) -> str:
    """A QR code as SVG without anything that loads or runs."""
    drawing = io.BytesIO()
    segno.make(uri, error="m").save(drawing, kind="svg", scale=4, xmldecl=False, title="QR code")
    return drawing.getvalue().decode()
