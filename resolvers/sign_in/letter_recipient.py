"""Finds the recipient of an e-mail to an address; without one, the same work is done for a stand-in."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.letters import Notice
from models.tables import ACCOUNTS, CREDENTIALS
from models.tokens.token_rows import is_staff

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipient:
    """The recipient of an e-mail, or the stand-in for one, and the e-mail to send."""

    subject_id: str
    notice: Notice


async def address_owner(connection: AsyncConnection, email: str, now: datetime) -> Any:
    """The account with this canonical address and whether it is disabled, verified or staff; or None."""
    staff = is_staff(ACCOUNTS.c.id, now).label("is_staff")
    owner = (
        select(ACCOUNTS.c.id, ACCOUNTS.c.email_verified, ACCOUNTS.c.disabled_at, staff)
        .join(CREDENTIALS, CREDENTIALS.c.subject_id == ACCOUNTS.c.id)
        .where(CREDENTIALS.c.email_canonical == email)
    )
    return (await connection.execute(owner)).one_or_none()


def recipient_of(owner: Any, notice: Notice, stand_in: str) -> Recipient:
    """The recipient of an e-mail about a password, or the stand-in for an unknown or disabled account or for staff."""
    if owner is None or owner.disabled_at is not None:
        return Recipient(stand_in, notice)
    if owner.is_staff:
        log.warning("a password reset was requested for a person with a staff role")
        return Recipient(stand_in, notice)
    return Recipient(owner.id, notice if owner.email_verified else Notice.CLAIM_ADDRESS)
