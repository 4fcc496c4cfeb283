"""Sends the e-mails of the outbox: each at least once, and exactly once if nothing fails."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.mail.letters import LetterFacts, LetterTexts
from app.mail.transport import MessageBuilder, Transport
from models.email_address import lookup_address
from models.letters import LinkUse, Notice
from models.tables import ACCOUNTS, CREDENTIALS, MAILED_TOKENS, OUTBOX, SUPPORT_CASES
from models.tokens.mailed_tokens import LINK_USES, SENT_UNVERIFIED, stored_mailed_token
from permissions.retention_periods import account_erasure_date
from resolvers.context import Services

log = logging.getLogger("consentql.outbox")

POLL_SECONDS: Final = 1
BATCH: Final = 8
LEASE: Final = timedelta(minutes=2)
"""How long one process may try an e-mail before another may. It is longer than the timeout of a transport."""

RETRY_PERIOD: Final = timedelta(days=7)
FIRST_DELAY: Final = timedelta(seconds=30)
MAX_DELAY: Final = timedelta(hours=4)
CASE_NOTICES: Final = frozenset({Notice.CASE_OPENED, Notice.CASE_ASSIGNED})


class UnknownKey(Exception):
    """The token of the link was made with a key that this process does not have."""


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail: recipient, subject and body."""

    to: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """Sends due e-mails. Each process has one."""

    services: Services
    transport: Transport
    texts: LetterTexts
    messages: MessageBuilder

    async def run(self, ended: asyncio.Event) -> None:
        """Runs until `ended` is set. If the database is unreachable, it tries again after a second."""
        while not ended.is_set():
            try:
                while await self.send_due() == BATCH and not ended.is_set():
                    pass
            except Exception as problem:  # noqa: BLE001  # tries again after a second
                log.warning("the outbox could not be read", extra={"kind": type(problem).__name__})
            try:
                await asyncio.wait_for(ended.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def send_due(self) -> int:
        """Tries the e-mails that are due longest, concurrently, and returns their number."""
        due = select(OUTBOX.c.id, OUTBOX.c.attempts, OUTBOX.c.written_at).where(OUTBOX.c.due_at <= self.services.now())
        async with self.services.database.reading() as connection:
            rows = (await connection.execute(due.order_by(OUTBOX.c.due_at).limit(BATCH))).all()
        await asyncio.gather(*(self._attempt(row) for row in rows))
        return len(rows)

    async def _attempt(self, row: Any) -> None:
        try:
            if await self._claim(row):
                await self._send(row)
        except Exception as problem:  # noqa: BLE001  # one e-mail must not block the others
            log.warning("an e-mail could not be sent", extra={"letter": row.id, "kind": type(problem).__name__})
            await self._postpone(row)

    async def _claim(self, row: Any) -> bool:
        """Whether this process may send the e-mail now. An e-mail that is too old is given up."""
        now = self.services.now()
        lease = now + LEASE if now < row.written_at + RETRY_PERIOD else None
        unclaimed = (OUTBOX.c.attempts == row.attempts) & OUTBOX.c.due_at.is_not(None)
        return await self._update(row.id, unclaimed, due_at=lease, attempts=row.attempts + 1) and lease is not None

    async def _send(self, row: Any) -> None:
        outgoing = await self._compose(row.id)
        if outgoing is None:
            async with self.services.database.writing() as connection:
                await connection.execute(delete(OUTBOX).where(OUTBOX.c.id == row.id))
            log.info("an e-mail was dropped: its recipient, reason or link is gone", extra={"letter": row.id})
            return
        now = self.services.now()
        message = self.messages.message(row.id, outgoing.to, outgoing.subject, outgoing.body, now)
        await self.transport.deliver(row.id, message)
        await self._update(row.id, OUTBOX.c.sent_at.is_(None), sent_at=now, due_at=None, address=None)

    async def _compose(self, id: str) -> Email | None:
        """The e-mail from current data, or None if its recipient, its reason or its link no longer exists."""
        facts = (
            select(OUTBOX, ACCOUNTS.c.email, ACCOUNTS.c.email_verified, ACCOUNTS.c.created_at, ACCOUNTS.c.leaving_since)
            .add_columns(SUPPORT_CASES.c.reference, MAILED_TOKENS.c.digest, MAILED_TOKENS.c.use)
            .add_columns(MAILED_TOKENS.c.email.label("bound"), MAILED_TOKENS.c.expires_at, MAILED_TOKENS.c.used_at)
            .join(ACCOUNTS, ACCOUNTS.c.id == OUTBOX.c.subject_id)
            .outerjoin(SUPPORT_CASES, SUPPORT_CASES.c.id == OUTBOX.c.about)
            .outerjoin(MAILED_TOKENS, MAILED_TOKENS.c.id == OUTBOX.c.id)
        )
        async with self.services.database.reading() as connection:
            row = (await connection.execute(facts.where(OUTBOX.c.id == id))).one_or_none()
            is_taken = row is not None and await _is_taken(connection, row)
        if row is None or not _is_deliverable(row, self.services.now()):
            return None
        token = stored_mailed_token(self.services.keys, id, row.digest) if row.digest else None
        if row.digest and token is None:
            raise UnknownKey
        use = LinkUse(row.use) if row.use else None
        leaves = account_erasure_date(row.leaving_since, self.services.retention) if row.leaving_since else None
        about = LetterFacts(
            row.written_at, row.created_at, row.reference, use, token, row.expires_at or leaves, is_taken
        )
        text = self.texts.text(Notice(row.notice), about)
        return Email(row.address or row.email, text.subject, text.body)

    async def _postpone(self, row: Any) -> None:
        """Doubles the delay each time, and gives up at the end of the retry period."""
        wait = min(FIRST_DELAY * 2 ** min(row.attempts, 16), MAX_DELAY) * random.uniform(0.75, 1.25)  # noqa: S311
        due = self.services.now() + wait
        given_up = due >= row.written_at + RETRY_PERIOD
        try:
            await self._update(row.id, OUTBOX.c.sent_at.is_(None), due_at=None if given_up else due)
        except Exception as problem:  # noqa: BLE001  # the lease expires
            log.warning(
                "the retry of an e-mail could not be scheduled",
                extra={"letter": row.id, "kind": type(problem).__name__},
            )

    async def _update(self, id: str, where: ColumnElement[bool], **values: Any) -> bool:
        """Updates the e-mail if `where` holds, and returns whether it did. A finished e-mail loses its address."""
        if values["due_at"] is None:
            values["address"] = None
        async with self.services.database.writing() as connection:
            done = await connection.execute(update(OUTBOX).where(OUTBOX.c.id == id, where).values(**values))
        return bool(done.rowcount)


async def _is_taken(connection: AsyncConnection, row: Any) -> bool:
    """Whether the new address of an account belongs to another one."""
    if row.notice != Notice.CONFIRM_ADDRESS or row.address is None:
        return False
    others = (CREDENTIALS.c.email_canonical == lookup_address(row.address)) & (
        CREDENTIALS.c.subject_id != row.subject_id
    )
    return (await connection.execute(select(CREDENTIALS.c.subject_id).where(others))).first() is not None


def _is_deliverable(row: Any, now: datetime) -> bool:
    """Whether the recipient may get this e-mail, its reason still exists, and its link still works."""
    notice = Notice(row.notice)
    if not row.email_verified and notice not in SENT_UNVERIFIED:
        return False
    if notice in CASE_NOTICES and row.reference is None:
        return False
    if notice is Notice.ERASURE_SCHEDULED and row.leaving_since is None:
        return False
    if row.digest is None:
        return notice not in LINK_USES
    return row.used_at is None and now < row.expires_at and row.bound == (row.address or row.email)
