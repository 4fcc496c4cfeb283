"""Queues letters and their link tokens. Tokens are derived from the letter's id at sending and never stored."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import ID_LENGTH, new_id
from models.key_ring import KeyRing
from models.letters import LinkUse, Notice
from models.tables import ACCOUNTS, MAILED_TOKENS, OUTBOX
from models.tokens.token_format import TokenKind, digest_of, format_token

LINK_USES: Final = {
    Notice.VERIFY_ADDRESS: LinkUse.VERIFY,
    Notice.ALREADY_REGISTERED: LinkUse.RESET,
    Notice.CLAIM_ADDRESS: LinkUse.RESET,
    Notice.RESET_PASSWORD: LinkUse.RESET,
    Notice.CONFIRM_ADDRESS: LinkUse.CHANGE,
}
"""The action of each letter's link. Other letters have no link."""

LINK_LIFETIMES: Final = {
    LinkUse.VERIFY: timedelta(hours=24),
    LinkUse.RESET: timedelta(minutes=30),
    LinkUse.CHANGE: timedelta(hours=24),
}
SENT_UNVERIFIED: Final = frozenset(
    {Notice.VERIFY_ADDRESS, Notice.CLAIM_ADDRESS, Notice.RESET_PASSWORD, Notice.ALREADY_REGISTERED}
)
"""The letters that may go to an unverified address."""


REQUEST_NETWORK: Final = "asked from"
NO_RECIPIENT: Final = "no recipient"


def mailed_token(keys: KeyRing, letter_id: str, index: int = 0) -> str:
    """Returns the letter's token by the key at `index`."""
    return format_token(TokenKind.MAILED, keys.mac("mailed token", letter_id.encode(), index))


def stored_mailed_token(keys: KeyRing, letter_id: str, digest: str) -> str | None:
    """Returns the letter's token that has this digest, or None if its key is no longer in the ring."""
    tokens = (mailed_token(keys, letter_id, index) for index in range(len(keys)))
    return next((token for token in tokens if digest_of(token) == digest), None)


def stand_in_id(keys: KeyRing, email: str) -> str:
    """Returns an id that stands in for the account of an address that has none. No account has it."""
    return keys.tag(NO_RECIPIENT, email.encode())[:ID_LENGTH]


async def write_letter(
    connection: AsyncConnection,
    *,
    subject_id: str,
    notice: Notice,
    now: datetime,
    about: str = "",
    address: str | None = None,
) -> str:
    """Queues a letter in the transaction that causes it. Returns its id.

    The id of a stand-in writes the same row, so that neither timing nor load reveals an account. The sender drops
    letters that have no recipient.
    """
    id = new_id()
    letter = {
        "id": id,
        "subject_id": subject_id,
        "notice": notice.value,
        "about": about,
        "written_at": now,
        "address": address,
        "due_at": now,
        "attempts": 0,
    }
    await connection.execute(insert(OUTBOX), letter)
    return id


async def write_mailed_token(
    connection: AsyncConnection,
    keys: KeyRing,
    *,
    subject_id: str,
    notice: Notice,
    now: datetime,
    address: str | None = None,
) -> str:
    """Queues a letter with a link, and ends the subject's earlier tokens of the same use. Returns the letter's id.

    `address` is a new address for the account. Without it the letter goes to the account's stored address, never to
    one that a caller typed, which may only look like it.
    """
    use = LINK_USES[notice]
    await end_mailed_tokens(connection, subject_id, now, use)
    id = await write_letter(connection, subject_id=subject_id, notice=notice, now=now, address=address)
    stored = select(ACCOUNTS.c.email).where(ACCOUNTS.c.id == subject_id).scalar_subquery()
    token = {
        "id": id,
        "subject_id": subject_id,
        "email": address or stored,
        "digest": digest_of(mailed_token(keys, id)),
        "use": use.value,
        "made_at": now,
        "expires_at": now + LINK_LIFETIMES[use],
    }
    await connection.execute(insert(MAILED_TOKENS).values(token))
    return id


async def end_mailed_tokens(connection: AsyncConnection, subject_id: str, now: datetime, *uses: LinkUse) -> None:
    """Ends the live tokens of these uses and removes their letters from the outbox."""
    locked = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == subject_id).with_for_update(key_share=True)
    await connection.execute(locked)
    live = (
        (MAILED_TOKENS.c.subject_id == subject_id)
        & MAILED_TOKENS.c.use.in_([use.value for use in uses])
        & MAILED_TOKENS.c.used_at.is_(None)
    )
    waiting = OUTBOX.c.sent_at.is_(None) & OUTBOX.c.id.in_(select(MAILED_TOKENS.c.id).where(live))
    await connection.execute(delete(OUTBOX).where(waiting))
    await connection.execute(update(MAILED_TOKENS).where(live).values(used_at=now))


async def record_request_network(connection: AsyncConnection, keys: KeyRing, letter_id: str, network: str) -> None:
    """Stores the network that requested this letter's link, as a keyed hash."""
    token = update(MAILED_TOKENS).where(MAILED_TOKENS.c.id == letter_id)
    await connection.execute(token.values(asked_from=keys.tag(REQUEST_NETWORK, _request_bytes(letter_id, network))))


def was_requested_from(keys: KeyRing, row: Any, network: str) -> bool:
    """Returns whether this network requested the link."""
    return keys.verify_tag(REQUEST_NETWORK, _request_bytes(row.id, network), row.asked_from or "")


def _request_bytes(id: str, network: str) -> bytes:
    return f"{id} {network}".encode()
