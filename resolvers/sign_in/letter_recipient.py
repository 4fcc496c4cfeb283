"""To whom a letter to an address goes; where nobody has it, the same is done and nothing is written."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import ACCOUNTS, CREDENTIALS
from models.tokens.token_rows import is_staff
from models.vocabulary import Notice

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who reads what is sent to an address, and what they are told there about setting a password."""

    subject_id: str | None
    notice: Notice


async def address_owner(connection: AsyncConnection, email: str, now: datetime) -> Any:
    """Who has this canonical address, with what decides whether a password may be set by mail; or None."""
    staff = is_staff(ACCOUNTS.c.id, now).label("is_staff")
    known = (
        select(ACCOUNTS.c.id, ACCOUNTS.c.email_verified, ACCOUNTS.c.disabled_at, staff)
        .join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
        .where(CREDENTIALS.c.email_canonical == email)
    )
    return (await connection.execute(known)).one_or_none()


def recipient_of(owner: Any, notice: Notice) -> Recipient:
    """Nobody's mailbox where there is no owner, or one who sets no password by mail: disabled, or staff."""
    if owner is None or owner.disabled_at is not None:
        return Recipient(None, notice)
    if owner.is_staff:
        log.warning("somebody asked to reset the password of a person with a staff role", extra={"id": owner.id})
        return Recipient(None, notice)
    return Recipient(owner.id, notice if owner.email_verified else Notice.CLAIM_ADDRESS)
