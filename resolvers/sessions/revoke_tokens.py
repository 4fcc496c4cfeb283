"""Ending sessions and role tokens: an unknown id and a foreign one are the same false."""

from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from strawberry.types.info import Info

from models.columns import lookup_id
from models.tables import ACCESS_TOKENS
from models.vocabulary import Role
from resolvers.arguments import SessionId, TokenId
from resolvers.context import Context

IS_SESSION = ACCESS_TOKENS.c.role == Role.MEMBER.value


async def revoke_session(info: Info[Context, None], id: SessionId) -> bool:
    """Ends one of the caller's own sessions."""
    mine = and_(IS_SESSION, ACCESS_TOKENS.c.holder_id == info.context.caller.subject_id)
    return await _revoke(info.context, str(id), mine)


async def revoke_role_token(info: Info[Context, None], id: TokenId) -> bool:
    """Ends a role or processor token: one's own, or any for OPERATIONS."""
    reach: Any = ~IS_SESSION
    if info.context.caller.is_member:
        reach = and_(reach, ACCESS_TOKENS.c.holder_id == info.context.caller.subject_id)
    return await _revoke(info.context, str(id), reach)


async def _revoke(context: Context, id: str, reach: ColumnElement[bool]) -> bool:
    within = and_(ACCESS_TOKENS.c.id == lookup_id(id), reach)
    alive = and_(within, ACCESS_TOKENS.c.revoked_at.is_(None))
    async with context.database.writing() as connection:
        await connection.execute(update(ACCESS_TOKENS).where(alive).values(revoked_at=context.now()))
        return (await connection.execute(select(ACCESS_TOKENS.c.id).where(within))).first() is not None
