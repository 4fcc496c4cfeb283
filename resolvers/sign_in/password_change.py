"""Changes a password, with the present one or with a mailed link, and ends the other sessions."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry import argument
from strawberry.types.info import Info

from models.email_address import canonical_address, lookup_address
from models.letters import LinkUse, Notice
from models.logs import hash_chain
from models.mutation_outcomes import PasswordChanged, Refused
from models.records.consent import record_of
from models.tables import ACCOUNTS, AUTHENTICATORS, CREDENTIALS, PRE_REGISTRATIONS, PROFILES
from models.tokens.authority_locks import keys_of_person
from models.tokens.mailed_tokens import end_mailed_tokens, stand_in_id, write_letter, write_mailed_token
from models.vocabulary import ConsentSource, Purpose
from permissions import version_numbers
from permissions.errors import rate_limited
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause, PasswordChange
from resolvers.arguments import Email, LinkToken, NewPassword
from resolvers.consent.state import granted_version
from resolvers.context import Context
from resolvers.inputs import ChangePasswordInput
from resolvers.sessions import attempt_limits
from resolvers.sessions.attempt_limits import RECIPIENT_LIMITS
from resolvers.sessions.confirm_password import confirm_password, wrong_password
from resolvers.sessions.failed_sign_ins import clear_failures, password_keys
from resolvers.sessions.known_devices import SigningInDevice, device_digest, is_known_device
from resolvers.sessions.revoke_tokens import end_sessions
from resolvers.sign_in import link_tokens
from resolvers.sign_in.email_verification import mark_verified
from resolvers.sign_in.letter_recipient import address_owner, recipient_of
from resolvers.sign_in.new_password import check_and_hash
from resolvers.subjects.account_lock import lock_account, lock_account_if_any
from resolvers.subjects.password_owner import stored_password_owner

RESET_REQUEST_LIMITS: Final = ("20/minute",)


async def change_password(
    info: Info[Context, None],
    input: Annotated[ChangePasswordInput, argument(description="The present and the new password.")],
) -> PasswordChanged | Refused:
    """Replaces the caller's password and ends all other sessions and tokens of the caller."""
    context, now = info.context, info.context.now()
    confirmed = await confirm_password(context, input.current_password, "input.currentPassword")
    if isinstance(confirmed, Refused):
        return confirmed
    async with context.database.reading() as connection:
        person = await stored_password_owner(connection, confirmed.subject_id, now)
    if person is None:
        return wrong_password("input.currentPassword")
    hashed = await check_and_hash(context, input.new_password, "input.newPassword", person)
    if isinstance(hashed, Refused):
        return hashed
    async with context.database.writing(ends=keys_of_person(confirmed.subject_id)) as connection:
        if await confirmed.lock_account(connection) is None:
            return wrong_password("input.currentPassword")
        await _store_hash(connection, confirmed.subject_id, hashed, now, except_id=context.caller.token_id)
        record(EventKind.PASSWORD_CHANGED, subject=confirmed.subject_id, change=PasswordChange.OWN)
    return PasswordChanged(now)


async def request_password_reset(info: Info[Context, None], email: Email) -> bool:
    """Mails a link to set a new password.

    Returns True after the same work, whether or not an account has the address.
    """
    context, now = info.context, info.context.now()
    wanted = lookup_address(email)
    device = await _device(context, wanted)
    buckets = attempt_limits.per_device_or_email(context, "reset", device, RECIPIENT_LIMITS)
    network = attempt_limits.per_network(context, "reset", RESET_REQUEST_LIMITS)
    if refusal := await attempt_limits.count_attempt(context, network, *buckets):
        raise rate_limited(refusal.retry_after_seconds or 1)
    async with context.database.writing() as connection:
        keys = context.services.keys
        owner = await address_owner(connection, wanted, now)
        recipient = recipient_of(owner, Notice.RESET_PASSWORD, stand_in_id(keys, wanted))
        await write_mailed_token(connection, keys, subject_id=recipient.subject_id, notice=recipient.notice, now=now)
    return True


async def _device(context: Context, email: str) -> SigningInDevice:
    """The browser that asks, and whether the account with this address knows it."""
    token = context.cookies.device
    known = is_known_device(device_digest(context.services.keys, token, email), context.now())
    query = select(known).join_from(ACCOUNTS, CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
    async with context.database.reading() as connection:
        found = (await connection.execute(query.where(CREDENTIALS.c.email_canonical == email))).scalar_one_or_none()
    return SigningInDevice(email, token, bool(found))


async def reset_password(
    info: Info[Context, None], token: LinkToken, new_password: NewPassword
) -> PasswordChanged | Refused:
    """Sets a password with a mailed link, which works once. Keeps two-factor sign-in on and begins no session."""
    context, now = info.context, info.context.now()
    if refusal := await attempt_limits.count_attempt(context, attempt_limits.per_network(context, "mailed token")):
        return refusal
    async with context.database.reading() as connection:
        row = await link_tokens.find_live(connection, token, now, LinkUse.RESET)
        person = await stored_password_owner(connection, row.subject_id if row else "", now)
    if person is None:
        return link_tokens.LINK_EXPIRED
    if not person.verified:  # someone else may have entered the names, which the reset deletes
        person = replace(person, names=())
    hashed = await check_and_hash(context, new_password, "newPassword", person)
    if isinstance(hashed, Refused):
        return hashed
    async with context.database.writing(ends=keys_of_person(row.subject_id)) as connection:
        account = await lock_account_if_any(connection, row.subject_id)
        owner = await address_owner(connection, canonical_address(person.email), now)
        allowed = (
            account is not None
            and owner is not None
            and recipient_of(owner, Notice.RESET_PASSWORD, stand_in="").subject_id == account.id
        )
        if not allowed or not await link_tokens.spend(connection, token, now, LinkUse.RESET):
            return link_tokens.LINK_EXPIRED
        if not account.email_verified:
            account = await _clear_registration(context, connection, account)
            await mark_verified(connection, account, context.services.geolocation)
            await end_mailed_tokens(connection, account.id, now, LinkUse.VERIFY)
        await _store_hash(connection, account.id, hashed, now)
        record(EventKind.PASSWORD_CHANGED, subject=account.id, change=PasswordChange.RESET)
        await clear_failures(connection, *password_keys(context.services.keys, canonical_address(person.email)))
    return PasswordChanged(now)


async def _store_hash(
    connection: AsyncConnection, subject_id: str, hashed: str, now: datetime, except_id: str | None = None
) -> None:
    """Stores the hash, ends the other sessions and pending changes, and mails the subject."""
    credentials_update = update(CREDENTIALS).where(CREDENTIALS.c.subject_id == subject_id)
    await connection.execute(credentials_update.values(password_hash=hashed))
    await end_sessions(connection, subject_id, now, EndCause.PASSWORD_CHANGED, except_id=except_id)
    pending = (AUTHENTICATORS.c.subject_id == subject_id) & AUTHENTICATORS.c.confirmed_at.is_(None)
    await connection.execute(
        delete(AUTHENTICATORS).where(pending)
    )  # someone who knew the old password may have begun it
    await end_mailed_tokens(connection, subject_id, now, LinkUse.RESET, LinkUse.CHANGE)
    await write_letter(connection, subject_id=subject_id, notice=Notice.PASSWORD_CHANGED, now=now)


async def _clear_registration(context: Context, connection: AsyncConnection, account: Any) -> Any:
    """Empties an account that someone registered without verifying its address, and returns its locked row.

    The owner of the address did not enter this data, grant these purposes or request an erasure.
    """
    now, version, source = context.now(), version_numbers.current_version().name, ConsentSource.REGISTRATION
    withdrawn = [
        record_of(account.id, purpose, granted=False, policy_version=version, at=now, source=source)
        for purpose in (Purpose.SOCIAL, Purpose.EXPANSION)
        if granted_version(account, purpose) is not None
    ]
    await hash_chain.append(connection, context.services.keys, hash_chain.CONSENT, withdrawn)
    for table in (PROFILES, PRE_REGISTRATIONS):
        await connection.execute(delete(table).where(table.c.subject_id == account.id))
    blank = {"social_version": None, "expansion_version": None, "ip_address": None, "leaving_since": None}
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(**blank))
    return await lock_account(connection, account.id)
