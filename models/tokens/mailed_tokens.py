"""Letters as rows of the outbox, and the tokens in their links, which no row holds but are derived at sending."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, insert, literal, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import new_id
from models.key_ring import KeyRing
from models.tables import ACCOUNTS, MAILED_TOKENS, OUTBOX
from models.tokens.token_format import TokenKind, digest_of, format_token
from models.vocabulary import LinkUse, Notice

LINK_USES: Final = {
    Notice.VERIFY_ADDRESS: LinkUse.VERIFY,
    Notice.ALREADY_REGISTERED: LinkUse.RESET,
    Notice.CLAIM_ADDRESS: LinkUse.RESET,
    Notice.RESET_PASSWORD: LinkUse.RESET,
    Notice.CONFIRM_ADDRESS: LinkUse.CHANGE,
}
"""What the link of a letter does; a notice that is not here has none."""

LINK_LIFETIMES: Final = {
    LinkUse.VERIFY: timedelta(hours=24),
    LinkUse.RESET: timedelta(minutes=30),
    LinkUse.CHANGE: timedelta(hours=24),
}
SENT_UNVERIFIED: Final = frozenset(
    {Notice.VERIFY_ADDRESS, Notice.CLAIM_ADDRESS, Notice.RESET_PASSWORD, Notice.ALREADY_REGISTERED}
)
"""What goes to an address of which nobody has proved that it is theirs."""


REQUEST_NETWORK: Final = "asked from"


def mailed_token(keys: KeyRing, letter_id: str, place: int = 0) -> str:
    """The token that the key at `place` gives this letter."""
    return format_token(TokenKind.MAILED, keys.mac("mailed token", letter_id.encode(), place))


def stored_mailed_token(keys: KeyRing, letter_id: str, digest: str) -> str | None:
    """The letter's token by whichever key made it; None where that key is not in the ring."""
    tokens = (mailed_token(keys, letter_id, place) for place in range(len(keys)))
    return next((token for token in tokens if digest_of(token) == digest), None)


async def write_letter(
    connection: AsyncConnection,
    *,
    subject_id: str | None,
    notice: Notice,
    now: datetime,
    about: str = "",
    address: str | None = None,
) -> str:
    """A letter in the transaction that is its reason, and its id; the same work where nobody gets one."""
    id = new_id()
    letter = {
        "id": id,
        "notice": notice.value,
        "about": about,
        "written_at": now,
        "address": address,
        "due_at": now,
        "attempts": 0,
    }
    await _insert(connection, OUTBOX, letter, _is_recipient(subject_id, notice), subject_id=ACCOUNTS.c.id)
    return id


async def write_mailed_token(
    connection: AsyncConnection,
    keys: KeyRing,
    *,
    subject_id: str | None,
    notice: Notice,
    now: datetime,
    address: str | None = None,
) -> str:
    """A letter with a link, and its id; it ends the subject's earlier tokens of the same use.

    `address` is for one that is to become the account's; without it the letter goes to the account's own, as stored:
    what somebody typed may only look like it.
    """
    use = LINK_USES[notice]
    await end_mailed_tokens(connection, subject_id, now, use)
    id = await write_letter(connection, subject_id=subject_id, notice=notice, now=now, address=address)
    token = {
        "id": id,
        "digest": digest_of(mailed_token(keys, id)),
        "use": use.value,
        "made_at": now,
        "expires_at": now + LINK_LIFETIMES[use],
    }
    email = literal(address, MAILED_TOKENS.c.email.type) if address else ACCOUNTS.c.email
    whom = _is_recipient(subject_id, notice)
    await _insert(connection, MAILED_TOKENS, token, whom, subject_id=ACCOUNTS.c.id, email=email)
    return id


async def end_mailed_tokens(connection: AsyncConnection, subject_id: str | None, now: datetime, *uses: LinkUse) -> None:
    """Spends the live tokens of these uses; their letters, where they wait, are not sent."""
    locked = select(ACCOUNTS.c.id).where(ACCOUNTS.c.id == (subject_id or "")).with_for_update(key_share=True)
    await connection.execute(locked)
    live = (
        (MAILED_TOKENS.c.subject_id == (subject_id or ""))
        & MAILED_TOKENS.c.use.in_([use.value for use in uses])
        & MAILED_TOKENS.c.used_at.is_(None)
    )
    waiting = OUTBOX.c.sent_at.is_(None) & OUTBOX.c.id.in_(select(MAILED_TOKENS.c.id).where(live))
    await connection.execute(delete(OUTBOX).where(waiting))
    await connection.execute(update(MAILED_TOKENS).where(live).values(used_at=now))


async def record_request_network(connection: AsyncConnection, keys: KeyRing, letter_id: str, network: str) -> None:
    """Keeps where this letter's link was asked for, to be known again and not to be read."""
    mine = update(MAILED_TOKENS).where(MAILED_TOKENS.c.id == letter_id)
    await connection.execute(mine.values(asked_from=keys.tag(REQUEST_NETWORK, _request_bytes(letter_id, network))))


def was_requested_from(keys: KeyRing, row: Any, network: str) -> bool:
    """Whether this link was asked for in this network."""
    return keys.verify_tag(REQUEST_NETWORK, _request_bytes(row.id, network), row.asked_from or "")


def _request_bytes(id: str, network: str) -> bytes:
    return f"{id} {network}".encode()


def _is_recipient(subject_id: str | None, notice: Notice) -> ColumnElement[bool]:
    them = ACCOUNTS.c.id == (subject_id or "")
    return them if notice in SENT_UNVERIFIED else them & ACCOUNTS.c.email_verified.is_(true())


async def _insert(
    connection: AsyncConnection, table: Table, row: dict[str, Any], whom: ColumnElement[bool], **read: Any
) -> None:
    values = [literal(value, table.c[name].type).label(name) for name, value in row.items()]
    values += [column.label(name) for name, column in read.items()]
    await connection.execute(insert(table).from_select([*row, *read], select(*values).where(whom)))
