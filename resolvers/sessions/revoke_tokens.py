"""Ends sessions, tokens and pending sign-ins."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import lookup_id
from models.tables import ACCESS_TOKENS, CHALLENGES
from models.tokens.authority_locks import key_of_token, keys_of_person, lock_exclusively
from models.vocabulary import Processor, Role
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import EndCause
from resolvers.arguments import SessionId, TokenId
from resolvers.context import Context
from resolvers.sessions.known_devices import forget_devices

IS_SESSION: Final = ACCESS_TOKENS.c.role == Role.MEMBER.value


async def revoke_session(info: Info[Context, None], id: SessionId) -> bool:
    """Ends a session of the caller. Returns False for an unknown id and for the id of someone else's session."""
    own = and_(IS_SESSION, ACCESS_TOKENS.c.holder_id == info.context.caller.subject_id)
    return await _revoke(info.context, str(id), own)


async def revoke_role_token(info: Info[Context, None], id: TokenId) -> bool:
    """Ends a role token or processor token: the caller's, or any if the caller has OPERATIONS.

    Returns False for an unknown id and for the id of a token that the caller may not end.
    """
    reach: Any = ~IS_SESSION
    if info.context.caller.is_member:
        reach = and_(reach, ACCESS_TOKENS.c.holder_id == info.context.caller.subject_id)
    return await _revoke(info.context, str(id), reach)


async def end_sessions(
    connection: AsyncConnection, subject_id: str, now: datetime, cause: EndCause, *, except_id: str | None = None
) -> None:
    """Ends all sessions, tokens and pending sign-ins of a person, except the token with `except_id`.

    It makes every device unknown, too.
    """
    await lock_exclusively(connection, keys_of_person(subject_id))
    tokens = update(ACCESS_TOKENS).where(
        ACCESS_TOKENS.c.holder_id == subject_id, ACCESS_TOKENS.c.id != (except_id or "")
    )
    ended = await connection.execute(tokens.where(ACCESS_TOKENS.c.revoked_at.is_(None)).values(revoked_at=now))
    if ended.rowcount:
        record(EventKind.SESSION_ENDED, subject=subject_id, cause=cause, count=ended.rowcount)
    await end_challenges(connection, subject_id, now)
    await forget_devices(connection, subject_id)


async def end_challenges(connection: AsyncConnection, subject_id: str, now: datetime) -> None:
    """Ends all pending sign-ins of a person."""
    pending = update(CHALLENGES).where(CHALLENGES.c.subject_id == subject_id, CHALLENGES.c.ended_at.is_(None))
    await connection.execute(pending.values(ended_at=now))


async def _revoke(context: Context, id: str, reach: ColumnElement[bool]) -> bool:
    within = and_(ACCESS_TOKENS.c.id == lookup_id(id), reach)
    live = and_(within, ACCESS_TOKENS.c.revoked_at.is_(None))
    async with context.database.writing(ends=(key_of_token(id),)) as connection:
        ended = await connection.execute(update(ACCESS_TOKENS).where(live).values(revoked_at=context.now()))
        found = (await connection.execute(select(ACCESS_TOKENS).where(within))).one_or_none()
        if ended.rowcount and found is not None:
            record_end(found, EndCause.REVOKED)
    context.has_ended = context.has_ended or (found is not None and id == context.caller.token_id)
    return found is not None


def record_end(row: Any, cause: EndCause) -> None:
    """Records the end of a session, or of a token of a role or processor."""
    if row.role == Role.MEMBER:
        record(EventKind.SESSION_ENDED, subject=row.holder_id, record=row.id, cause=cause, count=1)
        return
    processor = Processor(row.processor) if row.processor else None
    role = Role(row.role)
    record(EventKind.TOKEN_REVOKED, subject=row.holder_id, record=row.id, role=role, processor=processor, cause=cause)
