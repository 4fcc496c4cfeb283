"""Begins a session after a successful sign-in."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.letters import Notice
from models.mutation_outcomes import SignedIn, Viewer
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens.mailed_tokens import write_letter
from models.tokens.session_tokens import NewSession, SessionTokens, open_session
from models.vocabulary import ObjectionSource, Processor, Purpose, Role, TokenTransport
from permissions.caller import Caller
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause
from permissions.ip_network import network_of
from resolvers.consent.objections import record_objection
from resolvers.consent.state import stands
from resolvers.context import Context, IssuedSecrets
from resolvers.geolocation.stored_place import place_columns, store_place
from resolvers.sessions.known_devices import SigningInDevice, remember_device
from resolvers.sessions.session_state import session_of_caller, viewer_id
from resolvers.subjects.own_record import own_record

MAX_SESSIONS: Final = 20


async def begin_session(
    context: Context, connection: AsyncConnection, account: Any, session: NewSession, device: SigningInDevice
) -> SessionTokens:
    """Begins a session of a locked account and mails the subject if an unknown device signs in from another network."""
    now, keys = session.now, context.services.keys
    if not device.known and account.ip_address and network_of(account.ip_address) != network_of(context.caller.address):
        await write_letter(connection, subject_id=account.id, notice=Notice.NEW_DEVICE, now=now)
    await _record_address(context, connection, account)
    await _end_oldest_sessions(connection, account.id, now)
    held = device.token if device.known else None
    token = await remember_device(connection, keys, account.id, device.email, held, now)
    begun = await open_session(connection, keys, session)
    factors, id = session.factors, begun.row.id
    record(EventKind.SIGN_IN_SUCCEEDED, subject=account.id, address=device.email, record=id, factors=factors)
    return replace(begun, device=token)


async def signed_in_result(info: Info[Context, None], tokens: SessionTokens) -> SignedIn:
    """The result of a sign-in or a refresh. A sign-in also returns the token of the device.

    A browser gets the secrets as cookies, other clients get them in the result.
    """
    context, row = info.context, tokens.row
    member = Caller.from_row(row, context.caller.address)
    user = await own_record(context, member, context.requested_fields(info).bits)
    ends = row.secret_expires_at
    viewer = Viewer(viewer_id(context.services.keys, member), Role.MEMBER, user, session_of_caller(member), ends)
    if TokenTransport(row.transport) is TokenTransport.COOKIE:
        context.cookies.issued = IssuedSecrets(tokens.access, ends, tokens.refresh, row.expires_at, tokens.device)
        return SignedIn(None, None, None, ends, viewer)
    return SignedIn(tokens.access, tokens.refresh, tokens.device, ends, viewer)


async def _record_address(context: Context, connection: AsyncConnection, account: Any) -> None:
    """Stores the IP address of this sign-in, and its place while SOCIAL stands."""
    address = context.caller.address or None
    await connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(ip_address=address))
    if context.caller.opts_out:
        await record_objection(connection, account, Processor.GOOGLE_ANALYTICS, ObjectionSource.GPC, context.now())
    if stands(account, Purpose.SOCIAL):
        await store_place(connection, account.id, place_columns(context.services.geolocation, address))


async def _end_oldest_sessions(connection: AsyncConnection, subject_id: str, now: datetime) -> None:
    """Ends the oldest sessions, so that a new one makes at most MAX_SESSIONS."""
    live = (
        select(ACCESS_TOKENS.c.id)
        .where(ACCESS_TOKENS.c.holder_id == subject_id, ACCESS_TOKENS.c.role == Role.MEMBER.value)
        .where(ACCESS_TOKENS.c.revoked_at.is_(None), ACCESS_TOKENS.c.expires_at > now)
        .order_by(ACCESS_TOKENS.c.created_at.desc(), ACCESS_TOKENS.c.id)
    )
    surplus = list((await connection.execute(live)).scalars())[MAX_SESSIONS - 1 :]
    if surplus:
        ended = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id.in_(surplus))
        await connection.execute(ended.values(revoked_at=now))
        cause = EndCause.TOO_MANY_SESSIONS
        record(EventKind.SESSION_ENDED, subject=subject_id, cause=cause, count=len(surplus))
