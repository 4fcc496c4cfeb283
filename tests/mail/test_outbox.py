"""The outbox delivers each e-mail, retries, and gives up after seven days."""

import asyncio
import os
import re
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.mail import outbox as sending
from app.mail.outbox import LEASE, RETRY_PERIOD, Outbox
from app.mail.transport import transport_for
from app.operations import backlog
from app.operations.metrics import LetterState
from models.columns import new_id
from models.database import Database
from models.letters import Notice
from models.tables import ACCOUNTS
from models.telemetry.catalogue import REGISTRY
from tests.mail.harness import MailHarness, RecordingTransport
from tests.mail.smtp_server import SmtpServer, running, sending_to
from tests.serving import free_port, serving


async def test_several_processes_send_each_email_once(harness: MailHarness) -> None:
    ids = {await harness.write() for _ in range(30)}
    other = Database(harness.services.database.url)
    both = [harness.outbox(), harness.outbox(database=other), harness.outbox()]
    for _ in range(8):
        await asyncio.gather(*(each.send_due() for each in both))
    await other.close()
    assert sorted(str(letter["Message-ID"]) for letter in harness.transport.letters) == sorted(
        f"<{id}@example.org>" for id in ids
    )
    assert {(row.attempts, row.due_at) for row in await harness.rows()} == {(1, None)}


class Killed(BaseException):
    """An exception that `except Exception` does not catch."""


async def test_an_email_is_sent_again_if_its_sender_dies(harness: MailHarness) -> None:
    class Dying(RecordingTransport):
        async def deliver(self, id: str, message: EmailMessage) -> None:
            await super().deliver(id, message)
            raise Killed

    dying = Dying()
    await harness.write()
    with pytest.raises(Killed):
        await harness.outbox(dying).send_due()
    await harness.send_due()
    assert (len(dying.letters), harness.transport.letters) == (1, []), "the lease has not expired"
    harness.clock.at += LEASE
    await harness.send_due(2)
    assert [str(letter["Message-ID"]) for letter in harness.transport.letters] == [str(dying.letters[0]["Message-ID"])]


async def test_an_invalid_email_does_not_block_others(harness: MailHarness) -> None:
    bad = await harness.world.person("bad@example.org")
    await harness.change(
        update(ACCOUNTS).where(ACCOUNTS.c.id == bad).values(email="x@example.org\r\nBcc: y@example.org")
    )
    for _ in range(3):
        await harness.write(subject_id=bad)
    await harness.write()
    await harness.send_due()
    assert [letter["To"] for letter in harness.transport.letters] == ["ada@example.org"]
    assert sorted(bool(row.sent_at) for row in await harness.rows()) == [False, False, False, True]


async def test_a_slow_recipient_delays_a_new_email_by_one_attempt(harness: MailHarness) -> None:
    passed, tried = [0.0], []

    class Slow(RecordingTransport):
        async def deliver(self, id: str, message: EmailMessage) -> None:
            tried.append(str(message["To"]))
            if message["To"] == "slow@example.org":
                passed[0] += 30
                raise TimeoutError

    slow = await harness.world.person("slow@example.org")
    for _ in range(3):
        await harness.write(subject_id=slow)
    outbox = replace(harness.outbox(Slow()), clock=lambda: passed[0])
    assert [await outbox.send_due() for _ in range(4)] == [1, 1, 1, 0]
    harness.clock.at += timedelta(hours=1)
    assert await outbox.send_due() == 1
    await harness.write()
    assert await outbox.send_due() == 2
    assert tried == ["slow@example.org"] * 4 + ["ada@example.org", "slow@example.org"]


async def test_retries_slow_down_and_end_after_seven_days(harness: MailHarness) -> None:
    harness.transport.refuses = True
    began = harness.clock()
    await harness.write(Notice.ADDRESS_CHANGING, address="old@example.org")
    waits = []
    while (row := (await harness.rows())[0]).due_at is not None:
        waits.append(row.due_at - harness.clock())
        harness.clock.at = max(harness.clock(), row.due_at)
        await harness.send_due()
    assert harness.transport.tried == len(waits)
    assert 40 < len(waits) < 80
    assert timedelta(seconds=20) < waits[1] < timedelta(seconds=40)
    assert timedelta(hours=3) <= max(waits) <= timedelta(hours=5)
    assert harness.clock() - began <= RETRY_PERIOD
    assert (row.sent_at, row.address) == (None, None)
    harness.transport.refuses = False
    harness.clock.at += timedelta(days=30)
    await harness.send_due()
    assert harness.transport.letters == []


async def test_an_email_older_than_seven_days_is_given_up(harness: MailHarness) -> None:
    await harness.write(address="old@example.org")
    harness.clock.at += RETRY_PERIOD
    await harness.send_due()
    (row,) = await harness.rows()
    assert (harness.transport.tried, row.due_at, row.address) == (0, None, None)


async def test_the_gauges_count_unsent_emails(harness: MailHarness) -> None:
    await harness.write()
    harness.clock.at += RETRY_PERIOD
    await harness.send_due()
    await harness.write()
    harness.clock.at += timedelta(seconds=90)
    await harness.write()
    await backlog.measure_letters(harness.services)
    assert REGISTRY.get_sample_value("consentql_letter_oldest_seconds") == 90
    found = {each: REGISTRY.get_sample_value("consentql_letters", {"state": each}) for each in LetterState}
    assert found == {LetterState.WAITING: 2, LetterState.RETRIED: 0, LetterState.GIVEN_UP: 1}


async def test_logs_name_emails_by_id_only(harness: MailHarness, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    harness.transport.refuses = True
    id = await harness.write(Notice.RESET_PASSWORD)
    await harness.send_due()
    harness.clock.at += timedelta(minutes=2)
    await harness.send_due()
    ours = [record for record in caplog.records if record.name == "consentql.outbox"]
    assert [record.__dict__["letter"] for record in ours] == [id, id]
    assert "ada@" not in caplog.text + str([record.__dict__ for record in ours])
    assert "cql_ml_" not in caplog.text


async def test_no_line_tells_whether_an_email_has_a_recipient(
    harness: MailHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await harness.write(Notice.SIGN_IN_LOCKED)
    await harness.write(Notice.SIGN_IN_LOCKED, subject_id=new_id())
    await harness.send_due()
    assert len(harness.transport.letters) == 1
    assert len(await harness.rows()) == 1
    assert [record for record in caplog.records if record.name == "consentql.outbox"] == []


async def test_the_outbox_continues_after_a_database_failure(
    harness: MailHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.write()
    outbox, ended, asked = harness.outbox(), asyncio.Event(), []
    send_due = Outbox.send_due

    async def away(self: Outbox) -> int:
        asked.append(1)
        if len(asked) < 3:
            raise ConnectionRefusedError
        ended.set()
        return await send_due(self)

    monkeypatch.setattr(Outbox, "send_due", away)
    monkeypatch.setattr(sending, "POLL_SECONDS", 0)
    await outbox.run(ended)
    assert (len(asked), len(harness.transport.letters)) == (3, 1)


@pytest.mark.parametrize(
    "answers",
    [
        {"rcpt": "451 later"},
        {"mail": "451 later"},
        {"rcpt": "550 5.7.1 blocked"},
        {"data": "452 full"},
        {"data": "554 no"},
        {"data": "drop"},
    ],
)
async def test_an_email_that_a_server_refuses_is_sent_later(harness: MailHarness, answers: dict[str, str]) -> None:
    id, refusing, taking = await harness.write(), SmtpServer(**answers), SmtpServer()
    async with sending_to(refusing) as transport:
        await harness.outbox(transport).send_due()
        (row,) = await harness.rows()
        assert (refusing.taken, row.sent_at, row.attempts) == ([], None, 1)
        await harness.outbox(transport).send_due()
    assert (await harness.rows())[0].attempts == 1, "not before it is due"
    harness.clock.at = row.due_at
    async with sending_to(taking) as transport:
        await harness.outbox(transport).send_due()
    assert [f"<{id}@example.org>".encode() in content for content in taking.taken] == [True]
    assert (await harness.rows())[0].sent_at == harness.clock()


async def test_an_unreachable_server_delays_an_email(harness: MailHarness) -> None:
    await harness.write()
    await harness.outbox(transport_for(f"smtp://127.0.0.1:{free_port()}", in_production=False)).send_due()
    (row,) = await harness.rows()
    assert (row.sent_at, row.attempts) == (None, 1)
    assert row.due_at > harness.clock()


async def test_a_killed_process_loses_no_email(harness: MailHarness, tmp_path: Path) -> None:
    """The sender dies after the server has received the e-mail, so another process sends it again."""
    smtp, dead = SmtpServer(), []

    class Killing(SmtpServer):
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            os.kill(dead[0], signal.SIGKILL)
            return await super().handle_DATA(server, session, envelope)

    killing = Killing()
    harness.clock.at = datetime.now(UTC)
    with running(killing) as port:
        url = f"smtp://127.0.0.1:{port}"
        with serving(harness.services.database.url, tmp_path, CONSENTQL_MAIL_URL=url) as server:
            dead.append(server.pid)
            await harness.write(Notice.RESET_PASSWORD)
            for _ in range(200):
                if killing.taken:
                    break
                await asyncio.sleep(0.05)
    (row,) = await harness.rows()
    assert (len(killing.taken), row.sent_at, row.attempts) == (1, None, 1)
    harness.clock.at = row.due_at
    async with sending_to(smtp) as transport:
        await harness.outbox(transport).send_due()
    tokens = {re.search(rb"#token=(\w+)", content)[1] for content in killing.taken + smtp.taken}  # type: ignore[index]
    assert (len(smtp.taken), len(tokens)) == (1, 1)
