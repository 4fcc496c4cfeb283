"""Whether a token still stands: the same rule when a request begins and inside each of its transactions."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import UtcDateTime
from models.tables import ACCESS_TOKENS, ACCOUNTS
from models.tokens.token_rows import holds_role
from models.vocabulary import STAFF, Role


class TokenStanding(StrEnum):
    """Whether a token stands, or what ended: the token itself, or the role of its holder."""

    STANDS = "STANDS"
    TOKEN_ENDED = "TOKEN_ENDED"  # noqa: S105  # a state
    ROLE_ENDED = "ROLE_ENDED"


NOW: Final = bindparam("now", type_=UtcDateTime())
HOLDS_ROLE: Final = holds_role(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role, NOW).label("held")
"""Whether the holder of a token has its staff role at the time of the parameter `now`."""

_BY_ID: Final = (
    select(ACCESS_TOKENS, ACCOUNTS.c.account_id, ACCOUNTS.c.disabled_at, HOLDS_ROLE)
    .outerjoin(ACCOUNTS, ACCOUNTS.c.id == ACCESS_TOKENS.c.holder_id)
    .where(ACCESS_TOKENS.c.id == bindparam("id"))
)


def standing_of(row: Any, now: datetime) -> TokenStanding:
    """Returns the standing of a token from its row, joined with its holder's account and `HOLDS_ROLE`."""
    if row is None or row.expires_at <= now or row.disabled_at is not None:
        return TokenStanding.TOKEN_ENDED
    if row.role in STAFF and not row.held:
        return TokenStanding.ROLE_ENDED  # the end of a role revokes its tokens too, so this comes first
    if row.revoked_at is not None:
        return TokenStanding.TOKEN_ENDED
    if row.role == Role.PROCESSOR:
        return TokenStanding.STANDS if row.processor and row.approved_at else TokenStanding.TOKEN_ENDED
    return TokenStanding.STANDS if row.account_id is not None else TokenStanding.TOKEN_ENDED


async def read_standing(connection: AsyncConnection, token_id: str, now: datetime) -> TokenStanding:
    """Reads the token again and returns its standing."""
    return standing_of((await connection.execute(_BY_ID, {"id": token_id, "now": now})).one_or_none(), now)
