"""Sends the e-mails of the outbox: each at least once, and exactly once if nothing fails."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.mail.delivery import DeliveryState, MailboxUnreachable, MailServerFailed
from app.mail.letters import LetterFacts, LetterTexts
from app.mail.transport import MessageBuilder, Transport
from models.email_address import lookup_address
from models.letters import LinkUse, Notice
from models.tables import ACCOUNTS, CREDENTIALS, MAILED_TOKENS, OUTBOX, SUPPORT_CASES
from models.telemetry.failure import failure_fields
from models.tokens.mailed_tokens import LINK_USES, SENT_UNVERIFIED, stored_mailed_token
from permissions.retention_periods import account_erasure_date
from resolvers.context import Services

log = logging.getLogger("consentql.outbox")

POLL_SECONDS: Final = 1
MAX_REST: Final = 60
"""The most polls that the outbox skips while the mail server fails."""
IDLE_SECONDS: Final = 10
"""How long a connection to the mail server stays open without e-mails."""
BATCH: Final = 8
SLOW_SECONDS: Final = 3
"""After an e-mail that took longer, the outbox reads again what is due, so that new e-mails do not wait for others."""
LEASE: Final = timedelta(minutes=2)
"""How long one process may try an e-mail before another may. It is longer than the timeout of a transport."""

RETRY_PERIOD: Final = timedelta(days=7)
FIRST_DELAY: Final = timedelta(seconds=30)
MAX_DELAY: Final = timedelta(hours=4)
SERVER_FAILED: Final = "mail_server_failed"
"""The message of the log line about a mail server that takes no e-mail. Alerts look for it."""
CASE_NOTICES: Final = frozenset({Notice.CASE_OPENED, Notice.CASE_ASSIGNED})


class UnknownKey(Exception):
    """The token of the link was made with a key that this process does not have."""


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail: the account that it is for, recipient, subject and body."""

    subject_id: str
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
    state: DeliveryState = field(default_factory=DeliveryState)
    clock: Callable[[], float] = time.monotonic

    async def run(self, ended: asyncio.Event) -> None:
        """Runs until `ended` is set. If the database is unreachable, it tries again after a second.

        While the mail server fails, it rests longer each time, so that a backlog does not burden the server.
        """
        try:
            while not ended.is_set():
                try:
                    while await self.send_due() == BATCH and not ended.is_set():
                        pass
                    await self.transport.close(unused_for=IDLE_SECONDS)
                except Exception as problem:  # noqa: BLE001  # tries again after a second
                    log.warning("the outbox could not be read", extra=failure_fields(problem))
                rest = POLL_SECONDS * min(2 ** min(self.state.consecutive_server_failures, 16), MAX_REST)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), rest)
        finally:
            await self.transport.close()

    async def send_due(self) -> int:
        """Tries the e-mails that are due longest, new ones first, and returns their number.

        Stops if the mail server fails, and after a slow e-mail: its recipient must not delay the others.
        """
        due = select(OUTBOX.c.id, OUTBOX.c.attempts, OUTBOX.c.written_at).where(OUTBOX.c.due_at <= self.services.now())
        async with self.services.database.reading() as connection:
            rows = (await connection.execute(due.order_by(OUTBOX.c.attempts > 0, OUTBOX.c.due_at).limit(BATCH))).all()
        for tried, row in enumerate(rows):
            began = self.clock()
            if not await self._attempt(row):
                return tried
            if self.clock() - began > SLOW_SECONDS:
                return tried + 1
        return len(rows)

    async def letters_by_state(self) -> dict[str, int]:
        """Counts the e-mails that wait, that were sent, and whose delivery was abandoned."""
        waits, sent = OUTBOX.c.due_at.is_not(None), OUTBOX.c.sent_at.is_not(None)
        counted = select(
            func.count().filter(waits).label("waiting"),
            func.count().filter(sent).label("sent"),
            func.count().filter(~waits, ~sent).label("given_up"),
        ).select_from(OUTBOX)
        async with self.services.database.reading() as connection:
            return dict((await connection.execute(counted)).one()._mapping)

    async def _attempt(self, row: Any) -> bool:
        """Tries an e-mail. Returns False if the mail server takes no e-mail now."""
        try:
            if await self._claim(row):
                await self._send(row)
        except MailServerFailed as problem:
            await self._note_server_failure(row, problem)
            return False
        except Exception as problem:  # noqa: BLE001  # one e-mail must not block the others
            self.state.add_delayed(self.services.now())
            log.warning("an e-mail could not be sent", extra={"letter": row.id, **failure_fields(problem)})
            await self._postpone(row)
        return True

    async def _note_server_failure(self, row: Any, problem: MailServerFailed) -> None:
        self.state.add_server_failure(problem.step, self.services.now())
        log.error(
            SERVER_FAILED,
            extra={
                "letter": row.id,
                "step": problem.step.value,
                "kind": type(problem.__cause__ or problem).__name__,
                "failures": self.state.consecutive_server_failures,
            },
        )
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
            return  # without a line, which would tell that an address has no account
        now = self.services.now()
        message = self.messages.message(row.id, outgoing.to, outgoing.subject, outgoing.body, now)
        try:
            await self.transport.deliver(row.id, message)
        except MailboxUnreachable:
            self.state.add_unreachable()
            await self._end(row.id, outgoing, sent_at=None, unreachable_since=now)
            log.info("an e-mail was given up: its recipient cannot be reached", extra={"letter": row.id})
        else:
            self.state.add_accepted(now)
            await self._end(row.id, outgoing, sent_at=now, unreachable_since=None)

    async def _end(self, id: str, sent: Email, *, sent_at: datetime | None, unreachable_since: datetime | None) -> None:
        """Ends the delivery, and notes whether the current address of the account can be reached."""
        was_reachable = ACCOUNTS.c.unreachable_since.is_(None)
        changes = was_reachable if unreachable_since else ~was_reachable
        current = (ACCOUNTS.c.id == sent.subject_id) & (ACCOUNTS.c.email == sent.to)
        account = update(ACCOUNTS).where(current, changes).values(unreachable_since=unreachable_since)
        letter = update(OUTBOX).where(OUTBOX.c.id == id, OUTBOX.c.sent_at.is_(None))
        async with self.services.database.writing() as connection:
            await connection.execute(account)  # before the e-mail's row, as erasure locks them
            await connection.execute(letter.values(sent_at=sent_at, due_at=None, address=None))

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
        return Email(row.subject_id, row.address or row.email, text.subject, text.body)

    async def _postpone(self, row: Any) -> None:
        """Doubles the delay each time, and gives up at the end of the retry period."""
        wait = min(FIRST_DELAY * 2 ** min(row.attempts, 16), MAX_DELAY) * random.uniform(0.75, 1.25)  # noqa: S311
        due = self.services.now() + wait
        given_up = due >= row.written_at + RETRY_PERIOD
        try:
            await self._update(row.id, OUTBOX.c.sent_at.is_(None), due_at=None if given_up else due)
        except Exception as problem:  # noqa: BLE001  # the lease expires
            described = {"letter": row.id, **failure_fields(problem)}
            log.warning("the retry of an e-mail could not be scheduled", extra=described)

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
