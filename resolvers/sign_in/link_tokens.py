"""Finds and uses the tokens of mailed links. A single statement uses a token, so only one attempt succeeds."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.letters import LinkUse
from models.mutation_outcomes import Refused
from models.pasted_text import trimmed
from models.tables import MAILED_TOKENS
from models.tokens.token_format import TokenKind, digest_of, kind_of
from models.vocabulary import RefusalCode

LINK_EXPIRED = Refused(
    RefusalCode.TOKEN_EXPIRED, "This link has expired or was already used. Ask for a new one.", "token"
)


async def find_live(connection: AsyncConnection, token: str, now: datetime, *uses: LinkUse) -> Any:
    """The row of a token that can still be used, or None."""
    if kind_of(trimmed(token)) is not TokenKind.MAILED:
        return None
    return (await connection.execute(select(MAILED_TOKENS).where(_is_live(token, now, uses)))).one_or_none()


async def spend(connection: AsyncConnection, token: str, now: datetime, *uses: LinkUse) -> bool:
    """Uses a token. Returns whether it was live."""
    used = update(MAILED_TOKENS).where(_is_live(token, now, uses)).values(used_at=now)
    return (await connection.execute(used)).rowcount == 1


def _is_live(token: str, now: datetime, uses: tuple[LinkUse, ...]) -> Any:
    return and_(
        MAILED_TOKENS.c.digest == digest_of(trimmed(token)),
        MAILED_TOKENS.c.use.in_([each.value for each in uses]),
        MAILED_TOKENS.c.used_at.is_(None),
        MAILED_TOKENS.c.expires_at > now,
    )
