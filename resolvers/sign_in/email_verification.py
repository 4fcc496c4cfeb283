"""Verifies an e-mail address, either the first one or a new one."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.email_address import InvalidAddress, canonical_address, given_address
from models.letters import LinkUse, Notice
from models.mutation_outcomes import EmailChangeRequested, EmailVerified, Refused
from models.tables import ACCOUNTS, CREDENTIALS
from models.tokens.authority_locks import keys_of_person
from models.tokens.mailed_tokens import (
    end_mailed_tokens,
    record_request_network,
    was_requested_from,
    write_letter,
    write_mailed_token,
)
from models.tokens.token_format import TokenKind, format_token
from models.vocabulary import Purpose, RefusalCode
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause
from permissions.ip_network import network_of
from resolvers.arguments import CodeIfOn, LinkToken, NewEmail, Password
from resolvers.consent.state import grant_is_current
from resolvers.context import Context
from resolvers.geolocation.lookup import Geolocation
from resolvers.geolocation.stored_place import place_columns, store_place
from resolvers.second_factor.totp_enrolment import check_code_if_on, confirm_password_before_code
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import RECIPIENT_LIMITS, SENDER_LIMITS
from resolvers.sessions.confirm_password import ConfirmedPassword, confirm_password, wrong_password
from resolvers.sessions.failed_sign_ins import clear_failures, password_keys
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.sign_in import link_tokens
from resolvers.subjects.account_lock import lock_account_if_any

UNVERIFIED = Refused(RefusalCode.EMAIL_NOT_VERIFIED, "Verify your present e-mail address first.")
NOT_REQUESTED_HERE = {
    LinkUse.VERIFY: Refused(
        RefusalCode.NOT_PERMITTED,
        "Sign in with the password that you chose when you registered, then verify your address. "
        "If you do not have that password, ask for a new one. Data entered before is then deleted.",
    ),
    LinkUse.CHANGE: Refused(
        RefusalCode.NOT_PERMITTED,
        "Sign in to the account that asked for this change, then open the link again. "
        "If you did not ask for it, do nothing.",
    ),
}
UNKNOWN_LINK = format_token(TokenKind.MAILED, bytes(32))
INVALID_ADDRESS = Refused(RefusalCode.INVALID_INPUT, "`newEmail` is not an e-mail address.", "newEmail")


async def verify_email(info: Info[Context, None], token: LinkToken) -> EmailVerified | Refused:
    """Verifies the address of an account, or a new address. Consents granted before then begin to stand.

    The link works only from the network that requested it or in a session of the account. So the owner of an address
    cannot be tricked into confirming it for the account of a stranger.
    """
    context, now = info.context, info.context.now()
    if refusal := await attempt_limits.count_attempt(context, attempt_limits.per_network(context, "mailed token")):
        return refusal
    uses = (LinkUse.VERIFY, LinkUse.CHANGE)
    try:
        async with context.database.reading() as connection:  # a new address ends the other sessions
            change = await link_tokens.find_live(connection, token, now, LinkUse.CHANGE)
            is_taken = await _is_taken(connection, change)
        if is_taken and _requested_link(context, change):
            token, change = UNKNOWN_LINK, None  # the same work as for a token that never existed
        ends = keys_of_person(change.subject_id) if change else ()
        async with context.database.writing(ends=ends) as connection:
            row = await link_tokens.find_live(connection, token, now, *uses)
            # the account is locked before its link, as everywhere else
            account = await lock_account_if_any(connection, row.subject_id) if row else None
            if account is None:
                return link_tokens.LINK_EXPIRED
            if not _requested_link(context, row):
                return NOT_REQUESTED_HERE[LinkUse(row.use)]
            if not await link_tokens.spend(connection, token, now, *uses):
                return link_tokens.LINK_EXPIRED
            if row.use == LinkUse.CHANGE:
                await _change_address(context, connection, account, row.email)
            await mark_verified(connection, account, context.services.geolocation)
            await _unlock_sign_in(context, connection, row.email or account.email)
    except IntegrityError:  # someone else took the new address; the link stays live
        return link_tokens.LINK_EXPIRED
    return EmailVerified(row.email or account.email)


async def _is_taken(connection: AsyncConnection, change: Any) -> bool:
    """Whether another account has the address of the link. Runs the same statement without a link."""
    email = canonical_address(change.email) if change else ""
    others = select(CREDENTIALS.c.subject_id).where(CREDENTIALS.c.email_canonical == email)
    if change:
        others = others.where(CREDENTIALS.c.subject_id != change.subject_id)
    return (await connection.execute(others)).first() is not None


def _requested_link(context: Context, row: Any) -> bool:
    """Whether the caller requested this link, by the session or by the network."""
    if _session_of(context, row.subject_id):
        return True
    return was_requested_from(context.services.keys, row, network_of(context.caller.address))


def _session_of(context: Context, subject_id: str) -> str | None:
    """The id of the caller's session if it is a session of this person."""
    caller = context.caller
    return caller.token_id if caller.is_member and caller.subject_id == subject_id else None


async def change_email(
    info: Info[Context, None], new_email: NewEmail, password: Password, code: CodeIfOn = None
) -> EmailChangeRequested | Refused:
    """Mails a link to the new address and a notice to the present one. The change takes effect with the link."""
    context = info.context
    if not context.caller.verified:
        return UNVERIFIED
    try:
        email, wanted = given_address(new_email), canonical_address(new_email)
    except InvalidAddress:
        return INVALID_ADDRESS
    limits = (
        attempt_limits.per_email(context, "letter", wanted, RECIPIENT_LIMITS),
        attempt_limits.per_caller(context, "letters of", SENDER_LIMITS),
    )
    if refusal := await attempt_limits.count_attempt(context, *limits):
        return refusal
    confirmed = await attempt_limits.unless_full(context, _confirm(context, password, code), *limits)
    if isinstance(confirmed, Refused):
        return confirmed
    async with context.database.writing() as connection:
        if await confirmed.lock_account(connection) is None:
            return wrong_password("password")
        refusal = await check_code_if_on(context, connection, confirmed.subject_id, code)
        if refusal is None:
            await _mail_change_link(context, connection, confirmed, email)
    return refusal or EmailChangeRequested(email)


async def _confirm(context: Context, password: str, code: str | None) -> ConfirmedPassword | Refused:
    """Verifies the password of the caller. A code counts as an attempt at the code, too."""
    if code is None:
        return await confirm_password(context, password, "password")
    return await confirm_password_before_code(context, password)


async def _mail_change_link(
    context: Context, connection: AsyncConnection, confirmed: ConfirmedPassword, email: str
) -> None:
    """Mails a link to the new address, even if someone has it: the rows of the asker must not reveal that.

    The letter then says so to the owner of the mailbox, who may know it. The link of a taken address changes nothing.
    """
    now, keys, subject_id = context.now(), context.services.keys, confirmed.subject_id
    letter = await write_mailed_token(
        connection, keys, subject_id=subject_id, notice=Notice.CONFIRM_ADDRESS, now=now, address=email
    )
    await record_request_network(connection, keys, letter, network_of(context.caller.address))
    notice = Notice.ADDRESS_CHANGING
    await write_letter(connection, subject_id=subject_id, notice=notice, now=now, address=confirmed.email)


async def mark_verified(connection: AsyncConnection, account: Any, geolocation: Geolocation) -> None:
    """Marks the address of a locked account as verified. Grants that waited for it begin to stand."""
    begins = {
        f"{purpose.lower()}_lapsed_at": None
        for purpose in (Purpose.SOCIAL, Purpose.EXPANSION)
        if grant_is_current(account, purpose)
    }
    account_update = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id)
    await connection.execute(account_update.values(email_verified=True, **begins))
    if grant_is_current(account, Purpose.SOCIAL):
        await store_place(connection, account.id, place_columns(geolocation, account.ip_address))


async def _unlock_sign_in(context: Context, connection: AsyncConnection, email: str) -> None:
    """Forgets wrong passwords at an address whose owner has just proved it: strangers may have entered them before."""
    await clear_failures(connection, *password_keys(context.services.keys, canonical_address(email)))


async def _change_address(context: Context, connection: AsyncConnection, account: Any, email: str) -> None:
    """Replaces the address of the account and ends all mailed links and all sessions except the caller's."""
    now = context.now()
    credentials_update = update(CREDENTIALS).where(CREDENTIALS.c.subject_id == account.id)
    await connection.execute(credentials_update.values(email_canonical=canonical_address(email)))
    new_address = update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(email=email, unreachable_since=None)
    await connection.execute(new_address)
    await end_mailed_tokens(connection, account.id, now, *LinkUse)
    kept = _session_of(context, account.id)
    await end_sessions(connection, account.id, now, EndCause.EMAIL_CHANGED, except_id=kept)
    record(EventKind.EMAIL_CHANGED, subject=account.id)
