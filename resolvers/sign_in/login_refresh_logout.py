"""Signs in with a password, refreshes a session and signs out."""

from dataclasses import replace
from typing import Annotated, Any, Final

from sqlalchemy import select, update
from strawberry import argument
from strawberry.types.info import Info

from models.letters import Notice
from models.mutation_outcomes import Refused, SignedIn, TotpRequired
from models.tables import ACCESS_TOKENS, ACCOUNTS, CREDENTIALS
from models.tokens import session_tokens
from models.tokens.authority_locks import key_of_role, key_of_token
from models.tokens.mailed_tokens import stand_in_id, write_letter
from models.tokens.session_tokens import NewSession, ReusedRefreshToken, SessionTokens
from models.vocabulary import Factors, ForbiddenReason, ObjectionSource, Processor, RefusalCode, Role, TokenTransport
from permissions.caller import Caller
from permissions.errors import forbidden
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause, LockCause
from resolvers.arguments import RefreshToken
from resolvers.consent.objections import record_objection
from resolvers.context import Context
from resolvers.hashing.password_hash import Verification
from resolvers.hashing.worker_pool import PoolFull
from resolvers.inputs import LoginInput
from resolvers.second_factor.login_challenge import begin_challenge
from resolvers.second_factor.totp_codes import confirmed_authenticator
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import ACCOUNT_LIMITS, TRY_LATER
from resolvers.sessions.begin_session import begin_session, signed_in_result
from resolvers.sessions.confirm_password import is_current_hash
from resolvers.sessions.failed_sign_ins import (
    MAX_WRONG_PASSWORDS,
    CountKeys,
    Failure,
    clear_failures,
    count_failure,
    failure_keys,
    password_keys,
    take_back_failure,
    tell_owner,
)
from resolvers.sessions.known_devices import SigningInDevice, device_digest, is_known_device
from resolvers.sessions.revoke_tokens import end_challenges, record_end
from resolvers.sign_in.login_attempt import LoginAttempt, parse_attempt
from resolvers.subjects.account_lock import lock_account_if_any

WRONG_CREDENTIALS: Final = Refused(RefusalCode.INVALID_CREDENTIALS, "The e-mail address or the password is wrong.")
SESSION_EXPIRED: Final = Refused(RefusalCode.TOKEN_EXPIRED, "The session has ended. Sign in again.", "refreshToken")


async def login(
    info: Info[Context, None],
    input: Annotated[LoginInput, argument(description="The e-mail address and the password.")],
) -> SignedIn | TotpRequired | Refused:
    """Signs in, with the same answer and the same work for a wrong password and an unknown address."""
    context = info.context
    attempt = parse_attempt(context, input)
    if isinstance(attempt, Refused):
        return attempt
    network = attempt_limits.per_network(context, "login")
    made_for_it = bool(device_digest(context.services.keys, attempt.token, attempt.email))
    if refusal := await attempt_limits.count_password_attempt(context, network, known_device=made_for_it):
        return _locked(attempt, refusal, LockCause.NETWORK_ATTEMPTS)
    person = await _find_person(context, attempt)
    device = SigningInDevice(attempt.email, attempt.token, bool(person and person.device_known))
    buckets = attempt_limits.per_device_or_email(context, "login", device, ACCOUNT_LIMITS)
    if refusal := await attempt_limits.count_attempt(context, *buckets):
        return _locked(attempt, refusal, LockCause.ACCOUNT_ATTEMPTS)
    attempt = replace(attempt, is_locked=not await _count_password(context, device, person))
    outcome = await attempt_limits.unless_full(context, _verify_and_begin(context, attempt, person, device), *buckets)
    if not isinstance(outcome, SessionTokens):
        _record_outcome(attempt, person, outcome)
        return outcome
    await attempt_limits.reset(context, buckets[0])
    return await signed_in_result(info, outcome)


def _locked(attempt: LoginAttempt, refusal: Refused, cause: LockCause) -> Refused:
    """Records that an attempt was not even checked, unless the service was only busy, and returns the refusal."""
    if refusal is not TRY_LATER:
        record(EventKind.SIGN_IN_LOCKED, address=attempt.email, cause=cause)
    return refusal


def _record_outcome(attempt: LoginAttempt, person: Any, outcome: TotpRequired | Refused) -> None:
    """Records how an attempt without a session ended, in the same way with and without an account."""
    if isinstance(outcome, TotpRequired):
        record(EventKind.SECOND_FACTOR_ASKED, subject=person.id, address=attempt.email)
    elif outcome is WRONG_CREDENTIALS and attempt.is_locked:
        _locked(attempt, outcome, LockCause.WRONG_PASSWORDS)
    elif outcome is WRONG_CREDENTIALS:
        record(EventKind.SIGN_IN_FAILED, address=attempt.email)


async def _count_password(context: Context, device: SigningInDevice, person: Any) -> bool:
    """Counts the attempt before its password is verified. Returns whether the password may still sign in."""
    keys, now = context.services.keys, context.now()
    owner = person.id if person and person.disabled_at is None else stand_in_id(keys, device.email)
    async with context.database.writing() as connection:
        row = await count_failure(connection, _count_keys(context, device), now)
        if row.failures <= MAX_WRONG_PASSWORDS:
            return True
        await tell_owner(connection, row, owner, Notice.SIGN_IN_LOCKED, now)
    return False


def _count_keys(context: Context, device: SigningInDevice) -> CountKeys:
    failure = Failure.KNOWN_DEVICE if device.known else Failure.UNKNOWN_DEVICE
    return failure_keys(context.services.keys, failure, device.email)


async def _verify_and_begin(
    context: Context, attempt: LoginAttempt, person: Any, device: SigningInDevice, *, retry: bool = True
) -> SessionTokens | TotpRequired | Refused:
    """Verifies the password before it looks at the state of the account, then begins a session or a challenge."""
    stored = person.password_hash if person else None
    refuses = person is None or person.disabled_at is not None or attempt.is_locked
    try:
        verification = await context.services.hashing.verify(
            stored, attempt.password, known_device=device.known, refuses=refuses
        )
    except PoolFull:
        async with context.database.writing() as connection:
            await take_back_failure(connection, _count_keys(context, device))
        return TRY_LATER
    if refuses or not verification.right:
        return WRONG_CREDENTIALS
    outcome = await _begin(context, attempt, person, verification, device)
    if outcome is WRONG_CREDENTIALS and retry:  # another sign-in may just have replaced the hash of the same password
        person = await _find_person(context, attempt)
        return await _verify_and_begin(context, attempt, person, device, retry=False)
    return outcome


async def _find_person(context: Context, attempt: LoginAttempt) -> Any:
    """The account with this address, and whether it knows the device of the caller."""
    digest = device_digest(context.services.keys, attempt.token, attempt.email)
    known = is_known_device(digest, context.now()).label("device_known")
    person = (
        select(ACCOUNTS.c.id, ACCOUNTS.c.disabled_at, CREDENTIALS.c.password_hash, known)
        .join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
        .where(CREDENTIALS.c.email_canonical == attempt.email)
    )
    async with context.database.reading() as connection:
        return (await connection.execute(person)).one_or_none()


async def _begin(
    context: Context, attempt: LoginAttempt, person: Any, verification: Verification, device: SigningInDevice
) -> SessionTokens | TotpRequired | Refused:
    now = context.now()
    async with context.database.writing(ends=(key_of_role(person.id, Role.MEMBER),)) as connection:
        account = await lock_account_if_any(connection, person.id)
        if (
            account is None
            or account.disabled_at is not None
            or not await is_current_hash(connection, person.id, person.password_hash)
        ):
            return WRONG_CREDENTIALS
        if verification.rehashed:
            credentials_update = update(CREDENTIALS).where(CREDENTIALS.c.subject_id == person.id)
            await connection.execute(credentials_update.values(password_hash=verification.rehashed))
        unknown, known = password_keys(context.services.keys, attempt.email)
        await clear_failures(connection, unknown, *([known] if device.known else []))
        session = NewSession(person.id, attempt.transport, Factors.PASSWORD, attempt.client, now)
        if await confirmed_authenticator(connection, person.id):
            return await begin_challenge(context, connection, session)
        return await begin_session(context, connection, account, session, device)


async def refresh_session(info: Info[Context, None], refresh_token: RefreshToken = None) -> SignedIn | Refused:
    """Returns the next tokens of a session.

    A repeated call within 30 seconds returns the same tokens. A later one ends the session as stolen.
    """
    context, now = info.context, info.context.now()
    if refusal := await attempt_limits.count_attempt(
        context, attempt_limits.per_network(context, "refresh", ("300/minute",))
    ):
        return refusal
    token, transport = refresh_token or "", TokenTransport.BEARER
    if refresh_token is None:
        token, transport = context.cookies.refresh or "", TokenTransport.COOKIE
    id = session_tokens.session_id_of(context.services.keys, token)
    async with context.database.writing(ends=(key_of_token(id),) if id else ()) as connection:
        session = await session_tokens.session_of(connection, context.services.keys, token, transport)
        # the account is locked before its session, as everywhere else
        account = await lock_account_if_any(connection, session.holder_id if session else "")
        outcome = await session_tokens.refresh_session(connection, context.services.keys, token, transport, now)
        if isinstance(outcome, ReusedRefreshToken):
            await write_letter(connection, subject_id=outcome.subject_id, notice=Notice.SESSION_STOLEN, now=now)
            cause, owner = EndCause.SPENT_TOKEN, outcome.subject_id
            record(EventKind.SESSION_ENDED, subject=owner, record=id, cause=cause, count=1)
        if isinstance(outcome, SessionTokens) and context.caller.opts_out:
            await record_objection(connection, account, Processor.GOOGLE_ANALYTICS, ObjectionSource.GPC, now)
    if not isinstance(outcome, SessionTokens):
        context.cookies.ended = transport is TokenTransport.COOKIE
        return SESSION_EXPIRED
    return await signed_in_result(info, outcome)


async def logout(info: Info[Context, None]) -> bool:
    """Ends the token of the request with its session, and all pending sign-ins of a member.

    In a browser the access cookie expires before the refresh cookie, so the refresh cookie ends the session as well.
    """
    context, now, keys = info.context, info.context.now(), info.context.services.keys
    caller, refresh = context.caller, context.cookies.refresh
    id, holder = caller.token_id, caller.subject_id if caller.is_member else None
    is_anonymous = caller.role is Role.ANONYMOUS
    if is_anonymous and refresh is None:
        raise forbidden(ForbiddenReason.ROLE)
    ended = id or session_tokens.session_id_of(keys, refresh or "")
    async with context.database.writing(ends=(key_of_token(ended),) if ended else ()) as connection:
        if is_anonymous and (
            session := await session_tokens.session_of(connection, keys, refresh or "", TokenTransport.COOKIE)
        ):
            id, holder = session.id, session.holder_id
        if holder:
            await lock_account_if_any(connection, holder)  # the account is locked first, as everywhere else
            await end_challenges(connection, holder, now)
        live = (ACCESS_TOKENS.c.id == id) & ACCESS_TOKENS.c.revoked_at.is_(None)
        row = (await connection.execute(select(ACCESS_TOKENS).where(live))).one_or_none()
        if (await connection.execute(update(ACCESS_TOKENS).where(live).values(revoked_at=now))).rowcount:
            record_end(row, EndCause.LOGOUT)
    context.cookies.ended, context.cookies.refresh = context.cookies.from_browser, None
    context.caller = Caller(address=caller.address)
    context.has_ended = True
    return True
