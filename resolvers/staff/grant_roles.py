"""Grants and ends staff roles. Only OPERATIONS may, and nobody can grant a role to themselves."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from models.columns import lookup_id
from models.tables import ACCOUNTS
from models.tokens import token_rows
from models.tokens.authority_locks import key_of_role
from models.vocabulary import STAFF, Role
from permissions.errors import bad_input
from permissions.events.kinds import EventKind
from permissions.events.record import record
from permissions.events.values import RoleRefusal
from resolvers.arguments import OtherUserId, RoleEnd, StaffRole, UserId
from resolvers.context import Context

LONGEST_GRANT = timedelta(days=366)


async def grant_role(info: Info[Context, None], user_id: OtherUserId, role: StaffRole, expires_at: RoleEnd) -> bool:
    """Grants a staff role to another person, for a year at most. Returns false if no such account."""
    context = info.context
    if str(user_id) == context.caller.subject_id:
        _record_refusal(user_id, role, RoleRefusal.OWN_ROLE)
        raise bad_input("userId", "You cannot grant a role to yourself.")
    _check_is_staff(user_id, role)
    if not context.now() < expires_at <= context.now() + LONGEST_GRANT:
        _record_refusal(user_id, role, RoleRefusal.WRONG_PERIOD)
        raise bad_input("expiresAt", "`expiresAt` must be within the next 366 days.")
    async with context.database.writing(replaces=(key_of_role(str(user_id), role),)) as connection:
        if not await token_rows.lock_remaining_account(connection, lookup_id(str(user_id))):
            _record_refusal(user_id, role, RoleRefusal.NO_ACCOUNT)
            return False
        await token_rows.grant_role(
            connection,
            context.services.keys,
            token_rows.NewGrant(
                str(user_id), role, now=context.now(), expires_at=expires_at, granted_by=context.caller.subject_id
            ),
        )
        record(EventKind.ROLE_GRANTED, subject=str(user_id), role=role)
    return True


async def revoke_role(info: Info[Context, None], user_id: UserId, role: StaffRole) -> bool:
    """Ends a person's staff role. Their tokens of that role fail from the next request."""
    context = info.context
    _check_is_staff(user_id, role)
    async with context.database.writing(ends=(key_of_role(str(user_id), role),)) as connection:
        if not await _exists(connection, str(user_id)):
            return False
        if await token_rows.revoke_role(connection, context.services.keys, str(user_id), role, context.now()):
            record(EventKind.ROLE_REVOKED, subject=str(user_id), role=role)
    return True


def _record_refusal(user_id: str, role: Role, reason: RoleRefusal) -> None:
    record(EventKind.ROLE_REFUSED, subject=str(user_id), role=role, reason=reason)


def _check_is_staff(user_id: str, role: Role) -> None:
    if role not in STAFF:
        _record_refusal(user_id, role, RoleRefusal.NOT_STAFF)
        raise bad_input("role", f"`role` must be one of {', '.join(sorted(STAFF))}.")


async def _exists(connection: AsyncConnection, user_id: str) -> bool:
    known = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == lookup_id(user_id))
    return (await connection.execute(known)).first() is not None
