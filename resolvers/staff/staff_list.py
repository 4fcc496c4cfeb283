"""Lists who is authorized: people with a staff role, and live role and processor tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.tables import ACCESS_TOKENS, ROLE_GRANTS
from models.tokens.token_rows import holds_role, is_live_grant
from models.vocabulary import Processor, Role
from resolvers.context import Context
from resolvers.ledger.pseudonyms import pseudonym
from resolvers.pagination.keyset import Keyset
from resolvers.pagination.listing import Listing, ReadNodes, paged, row_by_row


@dataclass(frozen=True, slots=True)
class GrantedRole:
    """A role that a person holds."""

    role: Role
    granted_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person with a staff role."""

    id: str
    pseudonym: str
    roles: list[GrantedRole]


@dataclass(frozen=True, slots=True)
class LiveToken:
    """A token without its secret."""

    id: str
    name: str | None
    role: Role
    processor: Processor | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


TOKENS_BY_ID: Final = Keyset(ACCESS_TOKENS.c.id)


@paged
def staff(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """People who hold a staff role now, ordered by id."""
    context = info.context
    live = is_live_grant(context.now())
    people = select(ROLE_GRANTS.c.subject_id).where(live).distinct().subquery()

    async def read_members(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[StaffMember | None]:
        ids = [row.subject_id for row in rows]
        held = select(ROLE_GRANTS).where(live, ROLE_GRANTS.c.subject_id.in_(ids)).order_by(ROLE_GRANTS.c.granted_at)
        grants = (await connection.execute(held)).all()
        return [_member(context, id, [grant for grant in grants if grant.subject_id == id]) for id in ids]

    everyone = Listing("Query.staff", select(people), Keyset(people.c.subject_id))
    return everyone, read_members


def _member(context: Context, id: str, grants: list[Any]) -> StaffMember | None:
    if not grants:
        return None  # the last role ended meanwhile
    roles = [GrantedRole(Role(grant.role), grant.granted_at, grant.expires_at) for grant in grants]
    return StaffMember(id, pseudonym(context.services.keys, id), roles)


@paged
def role_tokens(info: Info[Context, None]) -> tuple[Listing, ReadNodes]:
    """Live role and processor tokens, ordered by id. A role token is live while its holder has the role."""
    now = info.context.now()
    held = holds_role(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role, now)
    alive = select(ACCESS_TOKENS).where(
        ACCESS_TOKENS.c.role != Role.MEMBER.value,
        ACCESS_TOKENS.c.revoked_at.is_(None),
        ACCESS_TOKENS.c.expires_at > now,
        or_(ACCESS_TOKENS.c.role == Role.PROCESSOR.value, held),
    )
    tokens = Listing("Query.roleTokens", alive, TOKENS_BY_ID)
    return tokens, row_by_row(_token)


def _token(row: Any) -> LiveToken:
    return LiveToken(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        processor=Processor(row.processor) if row.processor else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
