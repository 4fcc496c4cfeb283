"""The second step of a login: a challenge that lasts five minutes and five tries, and grants no access."""

import hmac
from datetime import timedelta
from typing import Annotated, Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.columns import new_id
from models.letters import Notice
from models.mutation_outcomes import Refused, SignedIn, TotpRequired
from models.tables import ACCOUNTS, CHALLENGES, CREDENTIALS
from models.tokens.authority_locks import key_of_role
from models.tokens.mailed_tokens import write_letter
from models.tokens.session_tokens import NewSession, SessionTokens
from models.tokens.token_format import TokenKind, digest_of, kind_of, new_token
from models.vocabulary import Factors, RefusalCode, Role, TokenTransport
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import FactorChange
from resolvers.context import Context
from resolvers.inputs import CompleteLoginInput
from resolvers.second_factor import recovery_codes
from resolvers.second_factor.totp_codes import accept_code, confirmed_authenticator, parse_code
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import CODE_LIMITS
from resolvers.sessions.begin_session import begin_session, signed_in_result
from resolvers.sessions.failed_sign_ins import (
    REPORTED_CODES,
    Failure,
    clear_failures,
    count_failure,
    failure_keys,
    tell_owner,
)
from resolvers.sessions.known_devices import SigningInDevice, device_digest, is_known_device
from resolvers.subjects.account_lock import lock_account_if_any

LIFETIME: Final = timedelta(minutes=5)
MAX_TRIES: Final = 5

CHALLENGE_EXPIRED: Final = Refused(
    RefusalCode.CHALLENGE_EXPIRED, "This sign-in has expired. Sign in again.", "input.challenge"
)
WRONG_CODE: Final = Refused(RefusalCode.INVALID_CODE, "The code is wrong or was already used.", "input.code")
OTHER_BROWSER: Final = Refused(
    RefusalCode.INVALID_INPUT, "Complete this sign-in in the browser that began it.", "input.challenge"
)


async def begin_challenge(context: Context, connection: AsyncConnection, session: NewSession) -> TotpRequired:
    """Stores a new challenge and returns its token, which is not valid for anything else.

    The challenge of a browser works only together with a cookie of that browser.
    """
    token, expires_at = new_token(TokenKind.CHALLENGE), session.now + LIFETIME
    browser = _mark_browser(context) if session.transport is TokenTransport.COOKIE else None
    row = {
        "id": new_id(),
        "digest": digest_of(token),
        "subject_id": session.subject_id,
        "client": session.client,
        "transport": session.transport.value,
        "browser_digest": digest_of(browser) if browser else None,
        "begun_at": session.now,
        "expires_at": expires_at,
        "tries": 0,
    }
    await connection.execute(insert(CHALLENGES), row)
    return TotpRequired(token, expires_at)


def _mark_browser(context: Context) -> str:
    """The secret of the caller's browser, and sends it as a cookie. Sign-ins in several tabs share it."""
    held = context.cookies.challenged
    secret = held if held and kind_of(held) is TokenKind.BROWSER else new_token(TokenKind.BROWSER)
    context.cookies.issued_challenge = secret
    return secret


def _is_same_browser(context: Context, challenge: Any) -> bool:
    """Whether a challenge that a browser began continues in that browser. Those of other clients have none."""
    if challenge.transport != TokenTransport.COOKIE:
        return True
    cookies = context.cookies
    held = digest_of(cookies.challenged or "")
    is_the_one = hmac.compare_digest(held, challenge.browser_digest or "")
    return cookies.from_browser and not cookies.cross_site and is_the_one


async def complete_login(
    info: Info[Context, None], input: Annotated[CompleteLoginInput, argument(description="The challenge and a code.")]
) -> SignedIn | Refused:
    """Completes a login with a TOTP code or a recovery code; the attempt is counted first."""
    context = info.context
    address = attempt_limits.per_network(context, "second step")
    challenge = await _find_challenge(context, input)
    if challenge is None:
        return await attempt_limits.count_attempt(context, address) or CHALLENGE_EXPIRED
    device = SigningInDevice(challenge.email_canonical, _device_token(context, input), challenge.device_known)
    buckets = attempt_limits.per_device_or_email(context, "second step", device, CODE_LIMITS)
    if refusal := await attempt_limits.count_attempt(context, address, *buckets):
        record(EventKind.SECOND_FACTOR_LOCKED, subject=challenge.subject_id)
        return refusal
    if not _is_same_browser(context, challenge):
        return OTHER_BROWSER
    completed = await _complete(context, challenge, input.code, device)
    if not isinstance(completed, SessionTokens):
        return completed
    await attempt_limits.reset(context, buckets[0])
    return await signed_in_result(info, completed)


def _device_token(context: Context, input: CompleteLoginInput) -> str | None:
    return input.device_token or context.cookies.device


async def _find_challenge(context: Context, input: CompleteLoginInput) -> Any:
    """The challenge, with the address of its account and whether that knows the device of the caller."""
    if kind_of(input.challenge) is not TokenKind.CHALLENGE:
        return None
    of_token = CHALLENGES.c.digest == digest_of(input.challenge)
    joined = select(CREDENTIALS.c.email_canonical).join(CHALLENGES, CHALLENGES.c.subject_id == CREDENTIALS.c.subject_id)
    async with context.database.reading() as connection:
        email = (await connection.execute(joined.where(of_token))).scalar_one_or_none()
        if email is None:
            return None
        digest = device_digest(context.services.keys, _device_token(context, input), email)
        known = is_known_device(digest, context.now()).label("device_known")
        query = select(CHALLENGES, CREDENTIALS.c.email_canonical, known)
        query = query.join(ACCOUNTS, ACCOUNTS.c.id == CHALLENGES.c.subject_id)
        query = query.join(CREDENTIALS, CREDENTIALS.c.subject_id == CHALLENGES.c.subject_id)
        return (await connection.execute(query.where(of_token))).one_or_none()


async def _complete(context: Context, challenge: Any, code: str, device: SigningInDevice) -> SessionTokens | Refused:
    """Counts the try, uses the code, ends the challenge and begins the session in one transaction."""
    now = context.now()
    async with context.database.writing(ends=(key_of_role(challenge.subject_id, Role.MEMBER),)) as connection:
        account = await lock_account_if_any(connection, challenge.subject_id)
        if account is None:
            return CHALLENGE_EXPIRED
        challenge_update = update(CHALLENGES).where(CHALLENGES.c.id == challenge.id)
        live = challenge_update.where(
            CHALLENGES.c.ended_at.is_(None), CHALLENGES.c.expires_at > now, CHALLENGES.c.tries < MAX_TRIES
        )
        counted = await connection.execute(live.values(tries=CHALLENGES.c.tries + 1))
        if counted.rowcount != 1 or account.disabled_at is not None:
            return CHALLENGE_EXPIRED
        factors = await verify_code(context, connection, challenge.subject_id, code)
        if factors is None:
            return WRONG_CODE
        await connection.execute(challenge_update.values(ended_at=now))
        transport = TokenTransport(challenge.transport)
        session = NewSession(challenge.subject_id, transport, factors, challenge.client, now)
        return await begin_session(context, connection, account, session, device)


async def verify_code(context: Context, connection: AsyncConnection, subject_id: str, code: str) -> Factors | None:
    """Uses a code of a person whose account is locked and whose password was right. Counts and reports wrong codes.

    Returns the factors that the code proves, or None.
    """
    factors = await _factors_of(context, connection, subject_id, code)
    await _report_codes(context, connection, subject_id, right=factors is not None)
    return factors


async def _report_codes(context: Context, connection: AsyncConnection, subject_id: str, *, right: bool) -> None:
    """Counts wrong codes in a row after the right password, and writes to the subject from the third on."""
    keys, now = failure_keys(context.services.keys, Failure.CODE, subject_id), context.now()
    if right:
        await clear_failures(connection, keys)
    elif (row := await count_failure(connection, keys, now)).failures >= REPORTED_CODES:
        await tell_owner(connection, row, subject_id, Notice.CODES_WRONG, now)


async def _factors_of(context: Context, connection: AsyncConnection, subject_id: str, code: str) -> Factors | None:
    authenticator, now = await confirmed_authenticator(connection, subject_id), context.now()
    if authenticator is None:
        return None
    if parse_code(code):
        right = await accept_code(connection, context.services.keys, authenticator, code, context.services.host_time())
        return Factors.TOTP if right else None
    if not await recovery_codes.spend(connection, context.services.keys, subject_id, code, now):
        return None
    await write_letter(connection, subject_id=subject_id, notice=Notice.RECOVERY_CODE_USED, now=now)
    record(EventKind.SECOND_FACTOR_CHANGED, subject=subject_id, change=FactorChange.RECOVERY_CODE_USED)
    return Factors.RECOVERY
