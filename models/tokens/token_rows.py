"""Tokens and role grants as rows: what every door writes alike."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.tables import ACCESS_TOKENS, ACCOUNTS, ROLE_GRANTS, SUPPORT_CASES
from models.tokens.token_format import TokenKind, digest_of, new_token
from models.vocabulary import Processor, Role

TOKEN_KINDS: Final = {Role.MEMBER: TokenKind.SESSION, Role.PROCESSOR: TokenKind.PROCESSOR}
"""What a role's token is written as; a staff role's is a ROLE token."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be made: its one role, whose it is, which door it comes from, and until when it works."""

    role: Role
    issued_by: str
    now: datetime
    expires_at: datetime
    holder_id: str | None = None
    processor: Processor | None = None
    name: str | None = None
    issuer_id: str | None = None

    @property
    def approved_at(self) -> datetime | None:
        """A token that a person of OPERATIONS issues waits for a second person; any other works at once."""
        return None if self.issuer_id else self.now


async def issue_token(connection: AsyncConnection, issuance: NewToken) -> tuple[str, dict[str, Any]]:
    """A new token, shown this once, and the row that is kept of it."""
    token = new_token(TOKEN_KINDS.get(issuance.role, TokenKind.ROLE))
    row = {
        "id": new_id(),
        "digest": digest_of(token),
        "role": issuance.role.value,
        "holder_id": issuance.holder_id,
        "processor": issuance.processor.value if issuance.processor else None,
        "name": issuance.name,
        "issued_by": issuance.issued_by,
        "issuer_id": issuance.issuer_id,
        "approved_at": issuance.approved_at,
        "approved_by": None,
        "created_at": issuance.now,
        "expires_at": issuance.expires_at,
        "last_used_at": None,
        "revoked_at": None,
    }
    await connection.execute(insert(ACCESS_TOKENS), row)
    return token, row


def is_live_grant(now: Any) -> ColumnElement[bool]:
    """Whether a role grant counts now."""
    return and_(ROLE_GRANTS.c.revoked_at.is_(None), ROLE_GRANTS.c.expires_at > now)


def is_live_grant_of(subject_id: str, role: Role, now: datetime) -> ColumnElement[bool]:
    """Whether this person holds this staff role now, as a condition on role grants."""
    return and_(ROLE_GRANTS.c.subject_id == subject_id, ROLE_GRANTS.c.role == role.value, is_live_grant(now))


def is_staff(holder: Any, now: datetime) -> ColumnElement[bool]:
    """Whether this person, or the one whom a row names, holds any staff role now."""
    return exists().where(ROLE_GRANTS.c.subject_id == holder, is_live_grant(now))


def holds_role(holder: ColumnElement[Any], role: Any, now: Any) -> ColumnElement[bool]:
    """Whether the person whom a row names holds this staff role now, as a condition on that row."""
    return exists().where(ROLE_GRANTS.c.subject_id == holder, ROLE_GRANTS.c.role == role, is_live_grant(now))


async def lock_role_grant(connection: AsyncConnection, subject_id: str, role: Role, now: datetime) -> bool:
    """Whether this person holds this staff role now."""
    statement = select(ROLE_GRANTS.c.id).where(is_live_grant_of(subject_id, role, now)).with_for_update()
    return (await connection.execute(statement)).first() is not None


async def lock_remaining_account(connection: AsyncConnection, subject_id: str) -> bool:
    """Whether there is this person, and is not leaving; neither changes before the transaction ends."""
    person = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == subject_id, ACCOUNTS.c.leaving_since.is_(None))
    return (await connection.execute(person.with_for_update(key_share=True))).first() is not None


async def grant_role(
    connection: AsyncConnection,
    subject_id: str,
    role: Role,
    *,
    now: datetime,
    expires_at: datetime,
    granted_by: str | None,
) -> None:
    """Grants a staff role until a time; an earlier grant gives way, and one that had lapsed passes nothing on."""
    # two first grants at once have no earlier row to queue at
    person = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == subject_id).with_for_update(key_share=True)
    await connection.execute(person)
    # whoever still acts on a grant that lapses meanwhile holds its row, and is waited for
    earlier = and_(ROLE_GRANTS.c.subject_id == subject_id, ROLE_GRANTS.c.role == role.value)
    await connection.execute(select(ROLE_GRANTS.c.id).where(earlier).order_by(ROLE_GRANTS.c.id).with_for_update())
    giving_way = update(ROLE_GRANTS).where(is_live_grant_of(subject_id, role, now)).values(revoked_at=now)
    if (await connection.execute(giving_way)).rowcount == 0:
        await _revoke_dependents(connection, subject_id, role, now)
    row = {
        "id": new_id(),
        "subject_id": subject_id,
        "role": role.value,
        "granted_at": now,
        "expires_at": expires_at,
        "granted_by": granted_by,
        "revoked_at": None,
    }
    await connection.execute(insert(ROLE_GRANTS), row)


async def revoke_role(connection: AsyncConnection, subject_id: str, role: Role, now: datetime) -> None:
    """Ends every live grant of this role to this person and every token of it for good; cases lose their agent."""
    await connection.execute(update(ROLE_GRANTS).where(is_live_grant_of(subject_id, role, now)).values(revoked_at=now))
    await _revoke_dependents(connection, subject_id, role, now)


async def _revoke_dependents(connection: AsyncConnection, subject_id: str, role: Role, now: datetime) -> None:
    tokens = (ACCESS_TOKENS.c.holder_id == subject_id) & (ACCESS_TOKENS.c.role == role.value)
    await connection.execute(
        update(ACCESS_TOKENS).where(tokens, ACCESS_TOKENS.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if role is Role.SUPPORT:
        theirs = (SUPPORT_CASES.c.agent_id == subject_id) & SUPPORT_CASES.c.closed_at.is_(None)
        await connection.execute(update(SUPPORT_CASES).where(theirs).values(agent_id=None))
