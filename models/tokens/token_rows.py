"""Stores tokens and role grants. The API and the command line use the same functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS, ACCOUNTS, ROLE_GRANTS, SUPPORT_CASES
from models.tokens.authority_locks import AuthorityKey, key_of_role, lock_exclusively
from models.tokens.role_grant_seals import resealed, seal_of
from models.tokens.token_format import TokenKind, digest_of, new_token
from models.vocabulary import Processor, Role

TOKEN_KINDS: Final = {Role.MEMBER: TokenKind.SESSION, Role.PROCESSOR: TokenKind.PROCESSOR}
"""The kind of token per role. Staff roles have ROLE tokens."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to issue: its role, holder, entry point and expiry."""

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
        """Now, or None for a token that OPERATIONS issues: a second person must approve it."""
        return None if self.issuer_id else self.now


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A staff role to grant: its holder, start and expiry. `granted_by` is None if the command line grants it."""

    subject_id: str
    role: Role
    now: datetime
    expires_at: datetime
    granted_by: str | None = None


async def issue_token(connection: AsyncConnection, issuance: NewToken) -> tuple[str, dict[str, Any]]:
    """Issues a token. Returns it, which is shown only once, and its row."""
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
    """Returns the condition that a role grant is in effect."""
    return and_(ROLE_GRANTS.c.revoked_at.is_(None), ROLE_GRANTS.c.expires_at > now)


def is_live_grant_of(subject_id: str, role: Role, now: datetime) -> ColumnElement[bool]:
    """Returns the condition on role grants that this person holds this staff role now."""
    return and_(ROLE_GRANTS.c.subject_id == subject_id, ROLE_GRANTS.c.role == role.value, is_live_grant(now))


def is_staff(holder: Any, now: datetime) -> ColumnElement[bool]:
    """Returns the condition that the holder, an id or a column, holds any staff role now."""
    return exists().where(ROLE_GRANTS.c.subject_id == holder, is_live_grant(now))


def holds_role(holder: ColumnElement[Any], role: Any, now: Any) -> ColumnElement[bool]:
    """Returns the condition that the holder in a column holds this staff role now."""
    return exists().where(ROLE_GRANTS.c.subject_id == holder, ROLE_GRANTS.c.role == role, is_live_grant(now))


async def lock_role_grant(connection: AsyncConnection, subject_id: str, role: Role, now: datetime) -> bool:
    """Returns whether this person holds this staff role now, and locks the grant until the transaction ends."""
    statement = select(ROLE_GRANTS.c.id).where(is_live_grant_of(subject_id, role, now)).with_for_update()
    return (await connection.execute(statement)).first() is not None


async def keys_in_use(connection: AsyncConnection, subject_ids: Sequence[str]) -> set[AuthorityKey]:
    """Returns the keys of the roles for which these people have a token that was not revoked."""
    held = select(ACCESS_TOKENS.c.holder_id, ACCESS_TOKENS.c.role).distinct()
    theirs = held.where(ACCESS_TOKENS.c.holder_id.in_(subject_ids), ACCESS_TOKENS.c.revoked_at.is_(None))
    return {key_of_role(row.holder_id, Role(row.role)) for row in (await connection.execute(theirs)).all()}


async def lock_remaining_account(connection: AsyncConnection, subject_id: str) -> bool:
    """Returns whether the account exists and is not leaving, and locks it until the transaction ends."""
    account = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == subject_id, ACCOUNTS.c.leaving_since.is_(None))
    return (await connection.execute(account.with_for_update(key_share=True))).first() is not None


async def grant_role(connection: AsyncConnection, keys: KeyRing, grant: NewGrant) -> None:
    """Grants a staff role until it expires.

    A live earlier grant is replaced. If it had expired, its tokens and case assignments end.
    """
    subject_id, role, now = grant.subject_id, grant.role, grant.now
    await lock_exclusively(connection, (key_of_role(subject_id, role),))
    # two concurrent first grants have no earlier grant to lock, so lock the account
    account = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == subject_id).with_for_update(key_share=True)
    await connection.execute(account)
    # wait for transactions that act on an earlier grant
    earlier = and_(ROLE_GRANTS.c.subject_id == subject_id, ROLE_GRANTS.c.role == role.value)
    await connection.execute(select(ROLE_GRANTS.c.id).where(earlier).order_by(ROLE_GRANTS.c.id).with_for_update())
    if not await _end_live_grants(connection, keys, subject_id, role, now):
        await _revoke_dependents(connection, subject_id, role, now)
    row = {
        "id": new_id(),
        "subject_id": subject_id,
        "role": role.value,
        "granted_at": now,
        "expires_at": grant.expires_at,
        "granted_by": grant.granted_by,
        "revoked_at": None,
    }
    await connection.execute(insert(ROLE_GRANTS), {**row, "seal": seal_of(keys, row)})


async def _end_live_grants(
    connection: AsyncConnection, keys: KeyRing, subject_id: str, role: Role, now: datetime
) -> bool:
    """Ends the live grants of a role, and seals them again. Returns whether there was one."""
    live = select(ROLE_GRANTS).where(is_live_grant_of(subject_id, role, now)).order_by(ROLE_GRANTS.c.id)
    grants = (await connection.execute(live.with_for_update())).mappings().all()
    for each in grants:
        one = update(ROLE_GRANTS).where(ROLE_GRANTS.c.id == each["id"])
        await connection.execute(one.values(resealed(keys, each, revoked_at=now)))
    return bool(grants)


async def revoke_role(connection: AsyncConnection, keys: KeyRing, subject_id: str, role: Role, now: datetime) -> bool:
    """Revokes every live grant and token of this role of this person, and unassigns their cases.

    Returns whether the person held the role.
    """
    await lock_exclusively(connection, (key_of_role(subject_id, role),))
    is_held = await _end_live_grants(connection, keys, subject_id, role, now)
    await _revoke_dependents(connection, subject_id, role, now)
    return is_held


async def _revoke_dependents(connection: AsyncConnection, subject_id: str, role: Role, now: datetime) -> None:
    tokens = (ACCESS_TOKENS.c.holder_id == subject_id) & (ACCESS_TOKENS.c.role == role.value)
    await connection.execute(
        update(ACCESS_TOKENS).where(tokens, ACCESS_TOKENS.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if role is Role.SUPPORT:
        assigned = (SUPPORT_CASES.c.agent_id == subject_id) & SUPPORT_CASES.c.closed_at.is_(None)
        await connection.execute(update(SUPPORT_CASES).where(assigned).values(agent_id=None))
