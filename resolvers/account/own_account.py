"""Reads the caller's own account. Each part is read only if the query selects it."""

from asyncio import Future, ensure_future
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from strawberry.types.info import Info

from models.mutation_outcomes import ConsentState, SessionState
from models.tables import ACCESS_TOKENS, ACCOUNTS, CONSENT_RECORDS, ROLE_GRANTS
from models.tokens.token_rows import is_live_grant
from models.vocabulary import STAFF, PersonalField, Role, fields_of
from permissions.caller import Caller
from permissions.errors import unknown_token
from permissions.retention_periods import account_erasure_date
from permissions.subject import Subject
from resolvers.consent.state import consent_record, consent_states
from resolvers.context import Context
from resolvers.pagination.keyset import Keyset
from resolvers.pagination.listing import Listing, ReadNodes, paged, row_by_row
from resolvers.second_factor.totp_codes import confirmed_authenticator
from resolvers.sessions.session_state import session_of_row
from resolvers.subjects.own_record import own_record


class OwnAccount:
    """The caller's account. Only its owner gets one. `parts` are those read so far, by name."""

    __slots__ = ("email_verified", "id", "leaving_since", "parts", "restricted")

    def __init__(self, caller: Caller) -> None:
        self.id = caller.account_id
        self.email_verified = caller.verified
        self.restricted = caller.restricted
        self.leaving_since = caller.leaving_since
        self.parts: dict[str, Future[Any]] = {}


def read_once(read: Callable[[Info[Context, None]], Coroutine[Any, Any, Any]]) -> Any:
    """Returns a resolver that reads a part of an account once, even if a list contains the account several times."""

    async def part(root: OwnAccount, info: Info[Context, None]) -> Any:
        if read.__name__ not in root.parts:
            root.parts[read.__name__] = ensure_future(read(info))
        return await root.parts[read.__name__]

    return part


async def me(info: Info[Context, None]) -> OwnAccount:
    """Returns the account of the session. Reads only whether the session still stands."""
    await info.context.database.check()
    return OwnAccount(info.context.caller)


async def changed_account(info: Info[Context, None]) -> OwnAccount | None:
    """Returns the caller's account after a mutation changed it, or None for a visitor.

    The mutation was admitted and has committed. So this reads even if the mutation ended the caller's session.
    """
    caller = info.context.caller
    if not caller.is_member:
        return None
    states = select(ACCOUNTS.c.email_verified, ACCOUNTS.c.restricted_at, ACCOUNTS.c.leaving_since)
    async with info.context.database.reading() as connection:
        row = (await connection.execute(states.where(ACCOUNTS.c.id == caller.subject_id))).one_or_none()
    if row is None:
        raise unknown_token()
    restricted = row.restricted_at is not None
    return OwnAccount(
        replace(caller, verified=row.email_verified, restricted=restricted, leaving_since=row.leaving_since)
    )


async def user(info: Info[Context, None]) -> Subject:
    """Returns the caller's own record."""
    return await own_record(info.context, info.context.caller, info.context.requested_fields(info).bits)


async def totp_enabled(info: Info[Context, None]) -> bool:
    """Whether two-factor sign-in is on."""
    async with info.context.database.reading() as connection:
        return await confirmed_authenticator(connection, str(info.context.caller.subject_id)) is not None


async def roles(info: Info[Context, None]) -> list[Role]:
    """Lists the staff roles that the caller holds now."""
    context = info.context
    live = (
        select(ROLE_GRANTS.c.role)
        .where(ROLE_GRANTS.c.subject_id == context.caller.subject_id)
        .where(is_live_grant(context.now()))
    )
    async with context.database.reading() as connection:
        held = set((await connection.execute(live)).scalars())
    return [role for role in STAFF if role in held]


async def consents(info: Info[Context, None]) -> list[ConsentState]:
    """Lists the consent state of each purpose."""
    context = info.context
    async with context.database.reading() as connection:
        _, states = await consent_states(connection, str(context.caller.subject_id), context.services.retention)
    return list(states)


async def erasure_scheduled_for(root: OwnAccount, info: Info[Context, None]) -> datetime | None:
    """Returns when the account will be erased, or None if no erasure was requested."""
    since = root.leaving_since
    return account_erasure_date(since, info.context.services.retention) if since else None


async def email_unreachable_since(info: Info[Context, None]) -> datetime | None:
    """Returns since when the mail server refuses e-mails to the caller's address, or None if it does not."""
    context = info.context
    since = select(ACCOUNTS.c.unreachable_since).where(ACCOUNTS.c.id == context.caller.subject_id)
    async with context.database.reading() as connection:
        found: datetime | None = (await connection.execute(since)).scalar_one()
    return found


async def hidden_from_members(info: Info[Context, None]) -> list[PersonalField]:
    """Lists the fields that other members cannot see even while SOCIAL stands."""
    context = info.context
    hidden = select(ACCOUNTS.c.hidden).where(ACCOUNTS.c.id == context.caller.subject_id)
    async with context.database.reading() as connection:
        return list(fields_of((await connection.execute(hidden)).scalar_one()))


@paged
def consent_history(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Pages through the caller's consent records, newest first."""
    keyset = Keyset(CONSENT_RECORDS.c.sequence, number=True, descending=True)
    history = Listing("Account.consentHistory", own_consent_records(info.context), keyset)
    return history, row_by_row(consent_record)


def own_live_sessions(context: Context) -> Any:
    """Selects the caller's sessions that have neither ended nor expired."""
    return (
        select(ACCESS_TOKENS)
        .where(ACCESS_TOKENS.c.holder_id == context.caller.subject_id, ACCESS_TOKENS.c.role == Role.MEMBER)
        .where(ACCESS_TOKENS.c.revoked_at.is_(None), ACCESS_TOKENS.c.expires_at > context.now())
    )


async def sessions(info: Info[Context, None]) -> list[SessionState]:
    """Lists the caller's live sessions, newest first."""
    context = info.context
    newest_first = own_live_sessions(context).order_by(ACCESS_TOKENS.c.created_at.desc(), ACCESS_TOKENS.c.id)
    async with context.database.reading() as connection:
        rows = (await connection.execute(newest_first)).all()
    return [session_of_row(row, context.caller.token_id) for row in rows]


def own_consent_records(context: Context) -> Any:
    """Selects the caller's consent records."""
    return select(CONSENT_RECORDS).where(CONSENT_RECORDS.c.subject_id == context.caller.subject_id)
