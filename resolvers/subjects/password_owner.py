"""Reads what the rules for a new password need to know of its owner."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import ACCOUNTS, PROFILES
from models.tokens.token_rows import is_staff


@dataclass(frozen=True, slots=True)
class PasswordOwner:
    """A person who chooses a password. It must not contain the address or a name, and staff need a longer one."""

    email: str
    names: tuple[str, ...] = ()
    is_staff: bool = False
    verified: bool = False


async def stored_password_owner(connection: AsyncConnection, subject_id: str, now: datetime) -> PasswordOwner | None:
    """The owner as stored, or None for an unknown id."""
    names = (PROFILES.c.first_name, PROFILES.c.last_name)
    query = (
        select(ACCOUNTS.c.email, ACCOUNTS.c.email_verified, *names, is_staff(ACCOUNTS.c.id, now).label("is_staff"))
        .outerjoin(PROFILES, PROFILES.c.subject_id == ACCOUNTS.c.id)
        .where(ACCOUNTS.c.id == subject_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    known = tuple(filter(None, (row.first_name, row.last_name)))
    return PasswordOwner(row.email, known, bool(row.is_staff), bool(row.email_verified))
