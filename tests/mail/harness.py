"""A world with one person, a clock, and a transport that records e-mails."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from sqlalchemy import insert, select

from app.mail.letters import LetterTexts
from app.mail.outbox import Outbox
from app.mail.transport import MessageBuilder
from models.letters import Notice
from models.tables import OUTBOX, SUPPORT_CASES
from models.tokens.mailed_tokens import (
    LINK_USES,
    write_letter,
    write_mailed_token,
)
from resolvers.context import Services
from tests.world import World

SITE = "https://api.example.org"


LINK = re.compile(rf"^{SITE}/(verify|reset)#token=(cql_ml_\w+)$", re.MULTILINE)


CASE_NOTICES = (Notice.CASE_OPENED, Notice.CASE_ASSIGNED)


def body_text(letter: EmailMessage) -> str:
    return str(letter.get_content()).replace("\r\n", "\n")


@dataclass
class Clock:
    """A clock that tests set."""

    at: datetime = datetime(2026, 12, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@dataclass
class RecordingTransport:
    """Records e-mails, or refuses them while `refuses` is set."""

    letters: list[EmailMessage] = field(default_factory=list)
    refuses: bool = False
    tried: int = 0

    async def deliver(self, id: str, message: EmailMessage) -> None:
        self.tried += 1
        if self.refuses:
            raise ConnectionRefusedError("no such host, said to ada@example.org")
        self.letters.append(message_from_bytes(bytes(message), policy=SMTP))

    async def close(self, *, unused_for: float = 0) -> None:
        return

    @property
    def tokens(self) -> list[str]:
        return [found[2] for letter in self.letters for found in LINK.finditer(body_text(letter))]


@dataclass
class MailHarness:
    """A world with one person, whose e-mails the tests write and send."""

    world: World
    clock: Clock
    transport: RecordingTransport
    ada: str

    @property
    def services(self) -> Services:
        return self.world.services

    def outbox(self, transport: Any = None, **changes: Any) -> Outbox:
        services = replace(self.services, **changes)
        return Outbox(
            services,
            transport or self.transport,
            LetterTexts(SITE),
            MessageBuilder("no-reply@example.org", "example.org"),
        )

    async def write(self, notice: Notice = Notice.NEW_DEVICE, subject_id: str | None = None, **more: Any) -> str:
        """Queues an e-mail of this kind."""
        who = {"subject_id": subject_id or self.ada, "notice": notice, "now": self.clock()}
        async with self.services.database.writing() as connection:
            if notice in LINK_USES:
                return await write_mailed_token(connection, self.services.keys, **who, **more)
            if notice in CASE_NOTICES and "about" not in more:
                more["about"] = await _case(connection, who["subject_id"], self.clock())
            return await write_letter(connection, **who, **more)

    async def rows(self, table: Any = OUTBOX) -> Sequence[Any]:
        async with self.services.database.reading() as connection:
            return (await connection.execute(select(table))).all()

    async def change(self, statement: Any) -> None:
        async with self.services.database.writing() as connection:
            await connection.execute(statement)

    async def send_due(self, times: int = 1, **changes: Any) -> None:
        for _ in range(times):
            await self.outbox(**changes).send_due()


async def _case(connection: Any, subject_id: str, now: datetime) -> str:
    row = dict.fromkeys((column.name for column in SUPPORT_CASES.columns), None)
    row |= {"id": "c" * 32, "subject_id": subject_id, "reference": "T-17 for {you}", "reason": "why", "extent": 1}
    row |= {"opened_at": now, "expires_at": now + timedelta(days=1), "opened_by_subject": False, "ordinal": "1"}
    row |= {"opened_by": subject_id}
    await connection.execute(insert(SUPPORT_CASES), row)
    return "c" * 32
