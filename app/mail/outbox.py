"""Sends what waits in the outbox: each letter at least once, and once where nothing fails."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select, update

from app.mail.letters import Facts, Wording
from app.mail.transport import Letterhead, Postman
from models.tables import ACCOUNTS, MAILED_TOKENS, OUTBOX, SUPPORT_CASES
from models.tokens.mailed_tokens import LINK_USES, SENT_UNVERIFIED, stored_mailed_token
from models.vocabulary import LinkUse, Notice
from permissions.retention_periods import account_erasure_date
from resolvers.context import Services

log = logging.getLogger("consentql.outbox")

EVERY_SECONDS: Final = 1
AT_ONCE: Final = 8
LEASE: Final = timedelta(minutes=2)
"""How long a letter is one process's; longer than a postman's patience."""

GIVEN_UP_AFTER: Final = timedelta(days=7)
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=4)
ABOUT_A_CASE: Final = frozenset({Notice.CASE_OPENED, Notice.CASE_ASSIGNED})


class KeyIsGone(Exception):
    """No key of this process made the letter's token; another's may have."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter's text and whom it goes to."""

    to: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """What sends one process's share."""

    services: Services
    postman: Postman
    wording: Wording
    letterhead: Letterhead

    async def keep(self, ended: asyncio.Event) -> None:
        """Runs until `ended`; a database that is away is asked again a second later."""
        while not ended.is_set():
            try:
                while await self.drain() == AT_ONCE and not ended.is_set():
                    pass
            except Exception as problem:  # noqa: BLE001  # the next second may be better
                log.warning("the outbox could not be read", extra={"kind": type(problem).__name__})
            try:
                await asyncio.wait_for(ended.wait(), EVERY_SECONDS)
            except TimeoutError:
                continue

    async def drain(self) -> int:
        """Tries the letters that are due longest, beside each other, and returns how many those were."""
        due = select(OUTBOX.c.id, OUTBOX.c.attempts, OUTBOX.c.written_at).where(OUTBOX.c.due_at <= self.services.now())
        async with self.services.database.reading() as connection:
            rows = (await connection.execute(due.order_by(OUTBOX.c.due_at).limit(AT_ONCE))).all()
        await asyncio.gather(*(self._try(row) for row in rows))
        return len(rows)

    async def _try(self, row: Any) -> None:
        try:
            if await self._claimed(row):
                await self._send(row)
        except Exception as problem:  # noqa: BLE001  # one letter never keeps another back
            log.warning("a letter could not be sent", extra={"letter": row.id, "kind": type(problem).__name__})
            await self._put_off(row)

    async def _claimed(self, row: Any) -> bool:
        """Whether the letter is this process's to send now; one that is too old is given up."""
        now = self.services.now()
        lease = now + LEASE if now < row.written_at + GIVEN_UP_AFTER else None
        unclaimed = (OUTBOX.c.attempts == row.attempts) & OUTBOX.c.due_at.is_not(None)
        return await self._changed(row.id, unclaimed, due_at=lease, attempts=row.attempts + 1) and lease is not None

    async def _send(self, row: Any) -> None:
        outgoing = await self._composed(row.id)
        if outgoing is None:
            async with self.services.database.writing() as connection:
                await connection.execute(delete(OUTBOX).where(OUTBOX.c.id == row.id))
            log.info("a letter has no reader any more", extra={"letter": row.id})
            return
        now = self.services.now()
        message = self.letterhead.message(row.id, outgoing.to, outgoing.subject, outgoing.body, now)
        await self.postman.deliver(row.id, message)
        await self._changed(row.id, OUTBOX.c.sent_at.is_(None), sent_at=now, due_at=None, address=None)

    async def _composed(self, id: str) -> Outgoing | None:
        """The letter as things stand now; None where its reader, its reason or its link is gone."""
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
        if row is None or not _has_a_reader(row, self.services.now()):
            return None
        token = stored_mailed_token(self.services.keys, id, row.digest) if row.digest else None
        if row.digest and token is None:
            raise KeyIsGone
        use = LinkUse(row.use) if row.use else None
        leaves = account_erasure_date(row.leaving_since, self.services.retention) if row.leaving_since else None
        about = Facts(row.written_at, row.created_at, row.reference, use, token, row.expires_at or leaves)
        text = self.wording.text(Notice(row.notice), about)
        return Outgoing(row.address or row.email, text.subject, text.body)

    async def _put_off(self, row: Any) -> None:
        """Waits twice as long each time, and gives up when the letter's time is over."""
        wait = min(FIRST_WAIT * 2 ** min(row.attempts, 16), LONGEST_WAIT) * random.uniform(0.75, 1.25)  # noqa: S311
        due = self.services.now() + wait
        given_up = due >= row.written_at + GIVEN_UP_AFTER
        try:
            await self._changed(row.id, OUTBOX.c.sent_at.is_(None), due_at=None if given_up else due)
        except Exception as problem:  # noqa: BLE001  # its lease ends by itself
            log.warning("a letter could not be put off", extra={"letter": row.id, "kind": type(problem).__name__})

    async def _changed(self, id: str, where: ColumnElement[bool], **values: Any) -> bool:
        """Whether the letter was so and is changed; the address of one that waits no more is forgotten."""
        if values["due_at"] is None:
            values["address"] = None
        async with self.services.database.writing() as connection:
            done = await connection.execute(update(OUTBOX).where(OUTBOX.c.id == id, where).values(**values))
        return bool(done.rowcount)


def _has_a_reader(row: Any, now: datetime) -> bool:
    """Verified, or one of the letters that go out before; its reason is there, its link still works and is for them."""
    notice = Notice(row.notice)
    if not row.email_verified and notice not in SENT_UNVERIFIED:
        return False
    if notice in ABOUT_A_CASE and row.reference is None:
        return False
    if notice is Notice.ERASURE_SCHEDULED and row.leaving_since is None:
        return False
    if row.digest is None:
        return notice not in LINK_USES
    return row.used_at is None and now < row.expires_at and row.bound == (row.address or row.email)
