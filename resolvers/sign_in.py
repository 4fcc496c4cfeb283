"""Signing in with a password, and the end of a session."""

import logging
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.address import NotAnAddress, canonical
from models.issuing import Issuance, issue_token
from models.outcome import Refused, SignedIn, Viewer
from models.tables import ACCESS_TOKENS, ACCOUNTS, CREDENTIALS
from models.vocabulary import LockSource, Processor, Purpose, RefusalCode, Role
from permissions.caller import Caller
from permissions.network import network_of
from resolvers import cleaning
from resolvers.context import Context
from resolvers.hashing import Busy, Verdict, too_long
from resolvers.inputs import LoginInput
from resolvers.objections import object_to
from resolvers.place import keep_place, place_columns
from resolvers.standing import stands
from resolvers.viewer import own_record, session_of

log = logging.getLogger(__name__)

PER_ACCOUNT: Final = "10/5 minutes"
PER_ADDRESS: Final = "30/minute"
SESSION_LASTS: Final = timedelta(days=30)
MOST_SESSIONS: Final = 20

WRONG = Refused(RefusalCode.INVALID_CREDENTIALS, "The e-mail address or the password is wrong.")
LATER = Refused(RefusalCode.TRY_LATER, "Too many people are signing in; please try again soon.", None, 2)


async def login(info: Info[Context, None], input: LoginInput) -> SignedIn | Refused:
    """The same answer and the same work for a wrong password and for an address that nobody has."""
    context = info.context
    try:
        client = cleaning.text("client", input.client or None, 100)
    except cleaning.Unacceptable as problem:
        return Refused(RefusalCode.INVALID_INPUT, f"`client` {problem.reason}.", "input.client")
    if too_long(input.password):
        return Refused(RefusalCode.INVALID_INPUT, "`password` is too long.", "input.password")
    try:
        email = canonical(input.email)
    except NotAnAddress:
        email = ""
    if refusal := await _too_often(context, email or "nobody"):
        return refusal
    person = await _person(context, email)
    try:
        verdict = await context.services.hashing.verify(person.password_hash if person else None, input.password)
    except Busy:
        return LATER
    if person is None or not verdict.right:
        return WRONG
    return await _begin(info, person, verdict, client)


async def _too_often(context: Context, email: str) -> Refused | None:
    """Counts before anything is checked."""
    account = context.services.keys.tag("limits", email.encode())
    waits = [
        await context.limits.wait(PER_ADDRESS, "login address", network_of(context.caller.address)),
        await context.limits.wait(PER_ACCOUNT, "login account", account),
    ]
    if not any(waits):
        return None
    return Refused(RefusalCode.TOO_MANY_ATTEMPTS, "Too many attempts to sign in.", None, max(waits))


async def _person(context: Context, email: str) -> Any:
    known = (
        select(ACCOUNTS.c.id, ACCOUNTS.c.account_id, ACCOUNTS.c.email_verified, CREDENTIALS.c.password_hash)
        .join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
        .where(CREDENTIALS.c.email_canonical == email)
    )
    async with context.database.reading() as connection:
        return (await connection.execute(known)).one_or_none()


async def _begin(info: Info[Context, None], person: Any, verdict: Verdict, client: str | None) -> SignedIn | Refused:
    context, now = info.context, info.context.now()
    async with context.database.writing() as connection:
        if not await _still_so(connection, person, verdict):
            return WRONG
        await _move(context, connection, person.id)
        await _make_room(connection, person.id, now)
        session = Issuance(Role.MEMBER, "login", now, now + SESSION_LASTS, holder_id=person.id, name=client)
        token, row = await issue_token(connection, session)
    member = Caller(
        role=Role.MEMBER,
        subject_id=person.id,
        account_id=person.account_id,
        token_id=row["id"],
        verified=person.email_verified,
        created_at=now,
        expires_at=row["expires_at"],
        client=client,
        address=context.caller.address,
    )
    seen = await own_record(context, member, context.asked(info).bits)
    return SignedIn(token, row["expires_at"], Viewer(Role.MEMBER, seen, session_of(member), row["expires_at"]))


async def _still_so(connection: AsyncConnection, person: Any, verdict: Verdict) -> bool:
    """Whether the password that was verified is still the one; a stronger hash replaces it alone."""
    mine = (CREDENTIALS.c.subject_id == person.id) & (CREDENTIALS.c.password_hash == person.password_hash)
    kept = verdict.rehashed or person.password_hash
    return (await connection.execute(update(CREDENTIALS).where(mine).values(password_hash=kept))).rowcount == 1


async def _move(context: Context, connection: AsyncConnection, subject_id: str) -> None:
    """Keeps the address of this sign-in, and under SOCIAL the place that it is in."""
    mine = ACCOUNTS.c.id == subject_id
    await connection.execute(update(ACCOUNTS).where(mine).values(ip_address=context.caller.address or None))
    account = (await connection.execute(select(ACCOUNTS).where(mine))).one()
    if context.caller.opts_out:
        await object_to(connection, account, Processor.GOOGLE_ANALYTICS, LockSource.GPC, context.now())
    if stands(account, Purpose.SOCIAL):
        place = place_columns(context.services.geolocation, account.ip_address)
        await keep_place(connection, subject_id, place)


async def _make_room(connection: AsyncConnection, subject_id: str, now: Any) -> None:
    """The oldest sessions end so that there are never more than twenty."""
    live = (
        select(ACCESS_TOKENS.c.id)
        .where(ACCESS_TOKENS.c.holder_id == subject_id, ACCESS_TOKENS.c.role == Role.MEMBER.value)
        .where(ACCESS_TOKENS.c.revoked_at.is_(None), ACCESS_TOKENS.c.expires_at > now)
        .order_by(ACCESS_TOKENS.c.created_at.desc(), ACCESS_TOKENS.c.id)
    )
    surplus = list((await connection.execute(live)).scalars())[MOST_SESSIONS - 1 :]
    if surplus:
        ended = update(ACCESS_TOKENS).where(ACCESS_TOKENS.c.id.in_(surplus))
        await connection.execute(ended.values(revoked_at=now))


async def logout(info: Info[Context, None]) -> bool:
    """The token that asks ends itself."""
    context = info.context
    mine = (ACCESS_TOKENS.c.id == context.caller.token_id) & ACCESS_TOKENS.c.revoked_at.is_(None)
    async with context.database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).where(mine).values(revoked_at=context.now()))
    context.caller = Caller(address=context.caller.address)  # what follows in this document comes from nobody
    return True
